using CsCheck;

namespace TokenManager.Http.Tests;

public sealed class StrictUuidTests
{
    private const string Uuid = "2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42";

    private static readonly Gen<string> AnyCase = Gen.Select(Gen.Guid, Gen.Bool.Array[36])
        .Select((uuid, upper) => string.Concat(uuid.ToString()
            .Select((c, i) => upper[i] ? char.ToUpperInvariant(c) : c)));

    [Fact]
    public void Every_hyphenated_UUID_is_taken_in_any_case() => AnyCase.Sample(text =>
        StrictUuid.TryParse(text, out var uuid)
        && uuid.ToString().Equals(text, StringComparison.OrdinalIgnoreCase));

    [Fact]
    public void A_UUID_with_one_other_character_is_refused() =>
        Gen.Select(AnyCase, Gen.Int[0, 35], Gen.Char).Sample((text, at, other) =>
        {
            var changed = string.Concat(text.AsSpan(0, at), other.ToString(), text.AsSpan(at + 1));
            var isHyphen = at is 8 or 13 or 18 or 23;
            return StrictUuid.TryParse(changed, out _) == (isHyphen ? other == '-' : char.IsAsciiHexDigit(other));
        });

    [Fact]
    public void A_UUID_with_something_before_or_after_it_is_refused() =>
        Gen.Select(AnyCase, Gen.String[1, 3], Gen.Bool).Sample((text, more, before) =>
            !StrictUuid.TryParse(before ? more + text : text + more, out _));

    [Fact]
    public void Whatever_is_taken_reads_back_as_it_was() => Gen.String.Sample(text =>
        !StrictUuid.TryParse(text, out var uuid)
        || uuid.ToString().Equals(text, StringComparison.OrdinalIgnoreCase));

    [Theory]
    [InlineData("")]
    [InlineData("2f1f6c5e8d0b4c399a510e6b8f7d3a42")]
    [InlineData("{2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42}")]
    [InlineData("(2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42)")]
    [InlineData(" 2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42")]
    [InlineData("2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42\n")]
    [InlineData("+f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42")]
    [InlineData("0x1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42")]
    [InlineData("2f1f6c5e-+d0b-4c39-9a51-0e6b8f7d3a42")]
    [InlineData("2f1f6c5-e8d0b-4c39-9a51-0e6b8f7d3a42")]
    [InlineData("２f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42")]
    public void Other_ways_to_write_a_UUID_are_refused(string text) => Assert.False(StrictUuid.TryParse(text, out _));

    [Fact]
    public void The_value_is_the_one_that_was_written()
    {
        Assert.True(StrictUuid.TryParse(Uuid.ToUpperInvariant(), out var uuid));
        Assert.Equal(Guid.Parse(Uuid), uuid);
    }
}
