using Akka.Hosting;
using TokenManager.Actors;
using TokenManager.Actors.Cache;
using TokenManager.Actors.Ledger;
using TokenManager.Node;

namespace TokenManager.Faults.Node;

/// <summary>Every defect that can be planted. A node has one of them, from its start on.</summary>
internal static class Defects
{
    /// <summary>The environment variable that chooses one.</summary>
    public const string Variable = "TOKEN_MANAGER_DEFECT";

    public static IReadOnlyList<Defect> All { get; } =
    [
        OfLedger<WithoutTokenIndex>(
            "without-token-index",
            "A token may have two open usages: the unique index is gone, and every fifth activation gets a token that is lent."),
        OfLedger<WithoutUserIndex>(
            "without-user-index",
            "A user may have two open usages: the unique index is gone, and every fifth token that comes back goes to a user who has one."),
        OfLedger<OverCapacity>(
            "over-capacity",
            "The pool has one token more than configured."),
        OfLedger<AnswersBeforeCommit>(
            "answers-before-commit",
            "Every fifth activation is journaled and answered before its row is committed, which then never happens."),
        Of(
            "forgets-keys",
            "The Idempotency-Key of a request that comes again is ignored, and that of every fifth other one.",
            new NodeComposition { UseFirst = app => app.Use(new ForgetsKeys().InvokeAsync) }),
        OfLedger<IgnoresFence>(
            "ignores-fence",
            "Every fifth row repeats the fence of the token's usage before: the unique constraint is gone, and nobody else looks."),
        OfLedger<ExpiresEarly>(
            "expires-early",
            "Leases end when the node's clock says so instead of the database's, and the node's is a second fast."),
        OfLedger<NeverExpires>(
            "never-expires",
            "No lease ends by itself: no timer closes its row, and no sweep finds it."),
        OfLedger<ClosesByToken>(
            "closes-by-token",
            "A second after a usage has ended, whatever is open of its token then is closed as well."),
        Of(
            "skips-journal",
            "The journal rejects one usage of five, and its token goes on as if it had been written.",
            new NodeComposition
            {
                AddActors = akka => akka.AddHocon(
                    $"akka.persistence.journal.sql.class = \"{typeof(SkipsJournal).AssemblyQualifiedName}\"",
                    HoconAddMode.Prepend),
            }),
        Of(
            "stale-cache",
            "Soon after its start a node's cache hears of nothing any more but what was granted through this node.",
            new NodeComposition { AddServices = services => services.AddHostedService(provider => ActivatorUtilities.CreateInstance<StaleCache>(provider, TimeSpan.FromSeconds(3))) }),
        Of(
            "empty-cache",
            "A node's cache never hears of anything but what was granted through this node, and shows every other token as available.",
            new NodeComposition { AddServices = services => services.AddHostedService(provider => ActivatorUtilities.CreateInstance<StaleCache>(provider, TimeSpan.Zero)) }),
        Of(
            "reads-go-back",
            "Details and lists are sometimes answered as they were before an answer that was given since.",
            new NodeComposition { AddServices = services => services.AddSingleton<ITokenCache, ReadsGoBack>() }),
        OfLedger<LocksOut>(
            "locks-out",
            "Who has had a token is refused another one for ever, as if the first one were still out."),
        Of(
            "miscounts-clears",
            "A clear answers one more than it has ended.",
            new NodeComposition { AddServices = services => services.AddSingleton<ITokenGateway, MiscountsClears>() }),
        OfLedger<LosesAToken>(
            "loses-a-token",
            "The pool never hears of its first token, and has one less than it should."),
    ];

    public static Defect? Find(string? word) => All.FirstOrDefault(defect => defect.Word == word);

    private static Defect Of(string word, string what, NodeComposition composition) =>
        new(word, what) { Plant = _ => composition };

    private static Defect OfLedger<TLedger>(string word, string what)
        where TLedger : DefectiveLedger => new(word, what)
        {
            Plant = options =>
            {
                var database = Database.Of(options.Store);
                return new NodeComposition
                {
                    AddServices = services => services
                        .AddSingleton(_ => database)
                        .AddSingleton<ILedger>(provider => ActivatorUtilities.CreateInstance<TLedger>(
                            provider, Ledgers.Create(options.Store, provider.GetRequiredService<TimeProvider>()))),
                };
            },
        };
}
