namespace TokenManager.Testing;

/// <summary>What must hold of the rows of a ledger, whatever happened to whoever wrote them.</summary>
internal static class Audit
{
    /// <summary>Nobody ever held two tokens, no token ever had two holders, and fences count up without a gap.</summary>
    public static void NothingWasHeldTwice(IReadOnlyCollection<Row> rows)
    {
        foreach (var ofToken in rows.GroupBy(row => row.TokenId))
        {
            var usages = ofToken.OrderBy(row => row.Fence).ToList();
            Assert.Equal(Enumerable.Range(1, usages.Count).Select(fence => (long)fence), usages.Select(row => row.Fence));
            FollowEachOther(usages);
        }

        foreach (var ofUser in rows.GroupBy(row => row.UserId))
            FollowEachOther([.. ofUser.OrderBy(row => row.Started).ThenBy(row => row.Ended ?? long.MaxValue)]);

        foreach (var row in rows)
        {
            Assert.True(row.Ended is null || row.Ended >= row.Started, $"ended before it began: {row}");
            Assert.True(row.Reason != "expired" || row.Ended >= row.Expires, $"expired before its time: {row}");
        }
    }

    /// <summary>Whatever was promised stands in the ledger as it was promised.</summary>
    public static void EveryGrantIsThere(IEnumerable<Grant> grants, IEnumerable<Row> rows)
    {
        var byId = rows.ToDictionary(row => row.UsageId, row => row.Grant);
        foreach (var grant in grants) Assert.Equal(grant, byId.GetValueOrDefault(grant.UsageId));
    }

    /// <summary>The journal remembers every decision of the ledger once: a moment later, or when its token is next awake.</summary>
    public static Task TheJournalComesToAgreeAsync(IReadOnlyCollection<Row> rows, Database database, TimeSpan within) => Eventually.Async(
        async () =>
        {
            TheJournalAgrees(rows, await database.ReadJournalAsync());
            return true;
        },
        within,
        expression: "the journal agrees with the ledger");

    private static void TheJournalAgrees(
        IEnumerable<Row> rows, IReadOnlyDictionary<Guid, (long Activated, long Released)> journal)
    {
        var ledger = rows.GroupBy(row => row.TokenId).ToDictionary(
            ofToken => ofToken.Key,
            ofToken => (Activated: ofToken.LongCount(), Released: ofToken.LongCount(row => !row.IsOpen)));
        Assert.Equal(
            ledger.OrderBy(token => token.Key).Select(token => (token.Key, token.Value)),
            journal.OrderBy(token => token.Key).Select(token => (token.Key, token.Value)));
    }

    private static void FollowEachOther(List<Row> usages)
    {
        foreach (var (earlier, later) in usages.Zip(usages.Skip(1)))
            Assert.True(earlier.Ended <= later.Started, $"overlap:\n{earlier}\n{later}");
    }
}
