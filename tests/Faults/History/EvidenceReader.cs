using System.Diagnostics;
using System.Globalization;
using System.Net;
using Google.Protobuf;
using TokenManager.Actors.Serialization.Wire;
using TokenManager.Cluster.Drills;
using TokenManager.Testing;

namespace TokenManager.Faults.History;

/// <summary>Reads what is stored and what the nodes show, going round the product wherever it can.</summary>
internal static class EvidenceReader
{
    private static readonly string[] Reasons = ["", "expired", "cleared", "released", "evicted"];

    /// <summary>Every event of the journal, as its bytes say.</summary>
    public static async Task<IReadOnlyList<JournalEvent>> ReadEventsAsync(this Database database)
    {
        var events = new List<JournalEvent>();
        await database.ReadAsync(
            """
            select persistence_id, sequence_number, manifest, message
            from journal where persistence_id like 'token-%' order by persistence_id, sequence_number
            """,
            reader => events.Add(Event(
                Guid.Parse(reader.GetString(0)["token-".Length..], CultureInfo.InvariantCulture),
                reader.GetInt64(1),
                reader.GetString(2),
                reader.GetFieldValue<byte[]>(3))));
        return events;
    }

    /// <summary>How a node shows the pool; null if it cannot.</summary>
    public static async Task<QuietNode?> ReadAsync(ClusterNode node)
    {
        var list = await node.Client.ReadAsync("/api/tokens");
        if (list.Status is not HttpStatusCode.OK) return null;

        var tokens = Answers.Tokens(list.Data);
        var details = new List<Listed>();
        foreach (var token in tokens)
        {
            var reply = await node.Client.ReadAsync($"/api/tokens/{token.TokenId}");
            if (reply.Status is not HttpStatusCode.OK) return null;
            details.Add(Answers.Token(reply.Data));
        }

        return new QuietNode(node.Number, tokens, details);
    }

    private static JournalEvent Event(Guid token, long number, string manifest, byte[] bytes)
    {
        switch (manifest)
        {
            case "token-activated/v1":
                var activated = TokenActivated.Parser.ParseFrom(bytes);
                return new JournalEvent(
                    token, number, Id(activated.UsageId), Id(activated.UserId), activated.Fence, activated.StartedAt, activated.ExpiresAt, null, null);
            case "token-released/v1":
                var released = TokenReleased.Parser.ParseFrom(bytes);
                return new JournalEvent(
                    token, number, Id(released.UsageId), null, released.Fence, null, null, released.EndedAt, Reasons[released.EndReason]);
            default:
                throw new UnreachableException($"The journal has an event {manifest}.");
        }
    }

    private static Guid Id(ByteString bytes) => new(bytes.Span, bigEndian: true);
}
