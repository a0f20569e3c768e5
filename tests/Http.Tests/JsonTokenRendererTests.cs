using System.Text;
using System.Text.Json;
using CsCheck;
using TokenManager.Actors;

namespace TokenManager.Http.Tests;

public sealed class JsonTokenRendererTests
{
    private static readonly Guid TokenId = Guid.Parse("8C1D7A52-4E0F-4B6A-9A3D-5F2E8B7C6D10");
    private static readonly DateTimeOffset Start = new(2026, 1, 31, 14, 0, 0, TimeSpan.FromHours(2));

    private static readonly TokenView Available = new(TokenId, 0, 0, null);

    private static readonly TokenView Active = new(TokenId, 0, 17, new Usage(
        Guid.Parse("D94F3B7A-6C21-4F58-B0E7-9A8C5D1E2B36"),
        TokenId,
        Guid.Parse("2F1F6C5E-8D0B-4C39-9A51-0E6B8F7D3A42"),
        17,
        Start,
        Start.AddMinutes(2).AddMicroseconds(1),
        null));

    private static readonly Gen<TokenView> AnyToken = Gen.Select(
        Gen.Guid, Gen.Guid, Gen.Guid, Gen.Long[1, long.MaxValue / 2], Gen.DateTimeOffset, Gen.Bool)
        .Select((token, usage, user, fence, start, active) => new TokenView(
            token, 0, fence, active ? new Usage(usage, token, user, fence, start, start, null) : null));

    private readonly JsonTokenRenderer _renderer = new();

    [Fact]
    public void A_moment_beside_an_answer_is_written_as_the_moments_in_it_are() => Assert.Equal(
        "2026-01-31T11:00:00.123456Z",
        new JsonTokenRenderer().AsOf(new DateTimeOffset(2026, 1, 31, 12, 0, 0, 123, 456, TimeSpan.FromHours(1))));

    [Fact]
    public void The_details_of_an_active_token_are_as_the_contract_shows_them() => Assert.Equal(
        """{"data":{"id":"8c1d7a52-4e0f-4b6a-9a3d-5f2e8b7c6d10","status":"active","""
        + "\"current_user_id\":\"2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42\","
        + "\"activated_at\":\"2026-01-31T12:00:00.000000Z\","
        + "\"active_usage\":{\"user_id\":\"2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42\","
        + "\"started_at\":\"2026-01-31T12:00:00.000000Z\",\"ended_at\":null,"
        + "\"expires_at\":\"2026-01-31T12:02:00.000001Z\"}}}",
        Encoding.UTF8.GetString(_renderer.Details(Active)));

    [Fact]
    public void The_details_of_an_available_token_are_as_the_contract_shows_them() => Assert.Equal(
        """{"data":{"id":"8c1d7a52-4e0f-4b6a-9a3d-5f2e8b7c6d10","status":"available","""
        + "\"current_user_id\":null,\"activated_at\":null,\"active_usage\":null}}",
        Encoding.UTF8.GetString(_renderer.Details(Available)));

    [Fact]
    public void A_list_is_as_the_contract_shows_it() => Assert.Equal(
        """{"data":[{"id":"8c1d7a52-4e0f-4b6a-9a3d-5f2e8b7c6d10","status":"active","""
        + "\"current_user_id\":\"2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42\","
        + "\"activated_at\":\"2026-01-31T12:00:00.000000Z\",\"expires_at\":\"2026-01-31T12:02:00.000001Z\"},"
        + "{\"id\":\"8c1d7a52-4e0f-4b6a-9a3d-5f2e8b7c6d10\",\"status\":\"available\",\"current_user_id\":null,"
        + "\"activated_at\":null,\"expires_at\":null}],"
        + "\"meta\":{\"total_count\":100,\"active_count\":1,\"available_count\":99}}",
        ListOf(100, 1, Active, Available));

    [Fact]
    public void An_empty_list_still_has_its_counts() => Assert.Equal(
        """{"data":[],"meta":{"total_count":3,"active_count":3,"available_count":0}}""", ListOf(3, 3));

    [Fact]
    public void Details_are_the_bytes_that_the_documented_record_would_give() => AnyToken.Sample(token =>
    {
        var bytes = _renderer.Details(token);
        var record = JsonSerializer.Deserialize(bytes, ContractJson.Default.DetailsResponse)!;
        return bytes.SequenceEqual(JsonSerializer.SerializeToUtf8Bytes(record, ContractJson.Default.DetailsResponse))
            && record.Data.Id == token.TokenId
            && record.Data.CurrentUserId == token.Current?.UserId;
    });

    [Fact]
    public void Lists_are_the_bytes_that_the_documented_record_would_give() => AnyToken.Array[0, 4].Sample(tokens =>
    {
        var text = ListOf(9, 4, tokens);
        var record = JsonSerializer.Deserialize(text, ContractJson.Default.ListResponse)!;
        return text == JsonSerializer.Serialize(record, ContractJson.Default.ListResponse)
            && record.Data.Select(token => token.Id).SequenceEqual(tokens.Select(token => token.TokenId));
    });

    private string ListOf(int total, int active, params TokenView[] tokens)
    {
        var bytes = new List<byte>();
        bytes.AddRange(_renderer.ListStart);
        for (var i = 0; i < tokens.Length; i++)
        {
            if (i > 0) bytes.AddRange(_renderer.ListSeparator);
            bytes.AddRange(_renderer.ListItem(tokens[i]));
        }

        bytes.AddRange(_renderer.ListEnd(total, active));
        return Encoding.UTF8.GetString(bytes.ToArray());
    }
}
