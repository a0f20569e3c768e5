using System.Globalization;
using System.Text;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Tests.Model;
using TokenManager.Actors.Tokens;
using TokenManager.Testing;
using Xunit.Abstractions;

namespace TokenManager.Actors.Tests;

/// <summary>
/// Every order of steps of two incarnations of one token actor and two pools, over one ledger row and one journal, with
/// the real decisions: an incarnation may die, an answer may be lost, the lease may end between any two steps.
/// </summary>
[Collection(LongestFirst.Prefix + "interleavings")]
public sealed class InterleavingTests(ITestOutputHelper output)
{
    [Fact]
    public void Two_users_over_two_pools_never_share_the_token() =>
        Explore(new Scenario(SameUser: false, HolderReleases: false, Crashes: 2, LostAnswers: 1, Expires: 0, Ticks: 1));

    [Fact]
    public void One_user_over_two_pools_never_gets_two_grants() =>
        Explore(new Scenario(SameUser: true, HolderReleases: false, Crashes: 2, LostAnswers: 1, Expires: 0, Ticks: 1));

    [Fact]
    public void A_holder_that_releases_while_its_actor_dies_ends_its_usage_once() =>
        Explore(new Scenario(SameUser: false, HolderReleases: true, Crashes: 1, LostAnswers: 0, Expires: 0, Ticks: 0));

    [Fact]
    public void A_lease_that_ends_while_its_actor_dies_is_released_once() =>
        Explore(new Scenario(SameUser: false, HolderReleases: false, Crashes: 1, LostAnswers: 0, Expires: 1, Ticks: 0));

    private void Explore(Scenario scenario)
    {
        var seen = new HashSet<string>();
        var runs = 0;
        var prefixes = new Stack<int[]>();
        prefixes.Push([]);
        while (prefixes.TryPop(out var prefix))
        {
            runs++;
            var world = new World(scenario);
            foreach (var choice in prefix)
                world.Do(choice);

            // What came before was the last step of an earlier run, and has been looked at then.
            world.Check();
            if (!seen.Add(world.Fingerprint()))
                continue;

            var choices = world.Choices();
            foreach (var choice in choices)
                prefixes.Push([.. prefix, choice]);

            // From every state that can be reached, not only from the last one, everything must heal.
            world.Heal();
        }

        output.WriteLine($"{seen.Count} states, {runs} runs");
        Assert.True(seen.Count > 300, $"Only {seen.Count} states were reached: the scenario is not being explored.");
    }

    private sealed record Scenario(
        bool SameUser, bool HolderReleases, int Crashes, int LostAnswers, int Expires, int Ticks);

    private enum Choice
    {
        Deliver,
        Step,
        StepAndLoseAnswer,
        Crash,
        LeaseOver,
        Expire,
        Tick,
    }

    private sealed class World
    {
        private static readonly Guid Token = new("00000000-0000-0000-0000-0000000000aa");
        private static readonly TimeSpan Lease = TimeSpan.FromMinutes(2);
        private static readonly PoolSettings Settings = new() { Size = 1, Lease = Lease };

        private readonly LedgerModel _ledger = new();
        private readonly List<TokenEvent> _journal = [];
        private readonly TokenMachine[] _machines;
        private readonly (int Pool, TokenCommand Command)?[] _working = new (int, TokenCommand)?[2];
        private readonly PoolDecider[] _pools = [new(Settings), new(Settings)];
        private readonly Queue<TokenCommand>[] _toToken = [new(), new()];
        private readonly List<TokenAnswer?>[] _histories = [[], []];
        private readonly List<(int Pool, PoolAnswer Answer)> _answers = [];
        private readonly TimeSpan[] _poolTime = new TimeSpan[2];
        private readonly Scenario _scenario;
        private int _crashes;
        private int _lost;
        private int _expires;
        private readonly int[] _ticks = new int[2];

        public World(Scenario scenario)
        {
            _scenario = scenario;
            (_crashes, _lost, _expires) = (scenario.Crashes, scenario.LostAnswers, scenario.Expires);
            _ticks = [scenario.Ticks, scenario.Ticks];
            _machines = [NewMachine(0), NewMachine(1)];
            for (var pool = 0; pool < 2; pool++)
            {
                _pools[pool].Load(_ledger.Load([Token], 1), _poolTime[pool]);
                _pools[pool].Activate(
                    new PoolRequest.ActivateToken(User(scenario.SameUser ? 0 : pool), Usage(pool), CallerChoseUsageId: false),
                    new Caller(pool, _poolTime[pool] + PoolDecider.CallerPatience),
                    _poolTime[pool]);
                Carry(pool);
            }
        }

        public List<int> Choices()
        {
            var choices = new List<int>();
            for (var pool = 0; pool < 2; pool++)
            {
                if (_toToken[pool].Count > 0)
                {
                    for (var machine = 0; machine < 2; machine++)
                    {
                        if (_machines[machine].IsIdle)
                            Add(Choice.Deliver, pool, machine);
                    }
                }

                if (_ticks[pool] > 0)
                    Add(Choice.Tick, pool, 0);
            }

            for (var machine = 0; machine < 2; machine++)
            {
                if (_machines[machine].IsIdle)
                {
                    if (_machines[machine].State is TokenState.Active && _scenario.Expires > 0)
                        Add(Choice.LeaseOver, 0, machine);
                }
                else
                {
                    Add(Choice.Step, 0, machine);
                    if (_lost > 0)
                        Add(Choice.StepAndLoseAnswer, 0, machine);
                }

                if (_crashes > 0)
                    Add(Choice.Crash, 0, machine);
            }

            if (_expires > 0)
                Add(Choice.Expire, 0, 0);
            return choices;

            void Add(Choice choice, int pool, int machine) => choices.Add(((int)choice * 4) + (pool * 2) + machine);
        }

        public void Do(int encoded)
        {
            var (choice, pool, machine) = ((Choice)(encoded / 4), encoded / 2 % 2, encoded % 2);
            switch (choice)
            {
                case Choice.Deliver:
                    var command = _toToken[pool].Dequeue();
                    _working[machine] = (pool, command);
                    _machines[machine].Take(command);
                    break;
                case Choice.Step:
                    _machines[machine].Step();
                    break;
                case Choice.StepAndLoseAnswer:
                    _lost--;
                    _machines[machine].LoseNextJournalAnswer = true;
                    _machines[machine].Step();
                    _machines[machine].LoseNextJournalAnswer = false;
                    break;
                case Choice.Crash:
                    _crashes--;
                    _machines[machine] = NewMachine(machine);
                    break;
                case Choice.LeaseOver:
                    _working[machine] = null;
                    _machines[machine].LeaseOver();
                    break;
                case Choice.Expire:
                    _expires--;
                    _ledger.Now += Lease;
                    break;
                case Choice.Tick:
                    _ticks[pool]--;
                    TickPool(pool);
                    break;
                default:
                    throw new ArgumentOutOfRangeException(nameof(encoded));
            }

            Replace();
        }

        /// <summary>No more faults: everything must come to rest, agree, and be usable.</summary>
        public void Heal()
        {
            for (var machine = 0; machine < 2; machine++)
                _machines[machine] = NewMachine(machine);
            _machines[0].RunToIdle();
            Replace();
            for (var round = 0; round < 12; round++)
            {
                for (var pool = 0; pool < 2; pool++)
                {
                    while (_toToken[pool].TryDequeue(out var command))
                    {
                        _machines[0].RunToIdle();
                        Replace();
                        _machines[0].RunToIdle();
                        _working[0] = (pool, command);
                        _machines[0].Take(command);
                        _machines[0].RunToIdle();
                        Replace();
                    }

                    TickPool(pool);
                    Check();
                }
            }

            // Both callers have an answer, the journal says what the ledger says, and at most one lease is left to end.
            Assert.Equal([0, 1], _answers.Select(answer => answer.Pool).Distinct().Order());
            _ledger.Now += Lease;
            _machines[0].RunToIdle();
            if (_machines[0].State is TokenState.Active)
            {
                _working[0] = null;
                _machines[0].LeaseOver();
                _machines[0].RunToIdle();
            }

            Assert.Empty(_ledger.OpenRows);
            Assert.Equal(
                _ledger.Rows.OrderBy(row => row.Fence).SelectMany(row => new[] { row.UsageId, row.UsageId }),
                _journal.Select(UsageOf));
            _machines[0].Take(new TokenCommand.Activate(Token, Usage(9), User(9), Lease));
            _machines[0].RunToIdle();
            Assert.Single(_ledger.OpenRows);
        }

        /// <summary>The same for two states that differ only in which pool, caller and incarnation is called the first.</summary>
        public string Fingerprint()
        {
            var (one, other) = (Fingerprint(first: 0), Fingerprint(first: 1));
            return string.CompareOrdinal(one, other) < 0 ? one : other;
        }

        private string Fingerprint(int first)
        {
            int[] pools = [first, 1 - first];
            var text = new StringBuilder();
            foreach (var row in _ledger.Rows)
                text.Append(CultureInfo.InvariantCulture, $"{row.UsageId}{row.Fence}{row.End?.Reason};");
            text.Append(_journal.Count).Append('|').Append(_crashes).Append(_lost).Append(_expires);
            foreach (var pool in pools)
            {
                text.Append('|').Append(_ticks[pool]).Append(' ').AppendJoin(';', _histories[pool])
                    .Append('/').AppendJoin(';', _toToken[pool]);
            }

            return $"{Named(text.ToString())}|{string.Join('|', Enumerable.Range(0, 2).Select(At).Order(StringComparer.Ordinal))}";

            string At(int machine) => Named(
                $"{_machines[machine].Phase}/{(_working[machine] is { } work ? $"{pools[work.Pool]} {work.Command}" : "")}");

            string Named(string ids)
            {
                if (first == 0) return ids;
                ids = Exchanged(ids, Usage(0), Usage(1));
                return _scenario.SameUser ? ids : Exchanged(ids, User(0), User(1));
            }
        }

        private static string Exchanged(string text, Guid one, Guid other) => text
            .Replace($"{one}", "*", StringComparison.Ordinal)
            .Replace($"{other}", $"{one}", StringComparison.Ordinal)
            .Replace("*", $"{other}", StringComparison.Ordinal);

        private TokenMachine NewMachine(int index)
        {
            _working[index] = null;
            return new TokenMachine(Token, _ledger, _journal) { Answered = (_, answer) => TellPool(index, answer) };
        }

        // What stopped because it was behind is replaced by its shard.
        private void Replace()
        {
            for (var machine = 0; machine < 2; machine++)
            {
                if (!_machines[machine].IsAlive)
                    _machines[machine] = NewMachine(machine);
            }
        }

        private void TellPool(int machine, TokenAnswer answer)
        {
            if (_working[machine] is not { } work)
                return;

            if (answer is TokenAnswer.Activated(_, var activated))
                Assert.Contains(_ledger.Rows, row => row.UsageId == activated.Usage.UsageId);
            if (answer is TokenAnswer.Ended(_, var ended))
                Assert.Contains(_ledger.Rows, row => row.UsageId == ended.UsageId && !row.IsOpen);

            _histories[work.Pool].Add(answer);
            _pools[work.Pool].TokenAnswered(answer, _poolTime[work.Pool]);
            Carry(work.Pool);
        }

        private void TickPool(int pool)
        {
            _poolTime[pool] += TimeSpan.FromSeconds(5);
            _histories[pool].Add(null);
            _pools[pool].Tick(_poolTime[pool]);
            Carry(pool);
        }

        private void Carry(int pool)
        {
            for (var effects = _pools[pool].TakeEffects(); effects.Length > 0; effects = _pools[pool].TakeEffects())
            {
                foreach (var effect in effects)
                    Carry(pool, effect);
            }
        }

        private void Carry(int pool, PoolEffect effect)
        {
            var now = _poolTime[pool];
            switch (effect)
            {
                case PoolEffect.TellToken(var command):
                    _toToken[pool].Enqueue(command);
                    break;
                case PoolEffect.CheckLedger:
                    _pools[pool].LedgerChecked(answers: true, now);
                    break;
                case PoolEffect.LookUpUsage(var usageId):
                    _pools[pool].UsageLookedUp(usageId, answered: true, _ledger.Find(usageId), askedAt: now, now);
                    break;
                case PoolEffect.Reload:
                    _pools[pool].Load(_ledger.Load([Token], 1), now);
                    break;
                case PoolEffect.Reply(_, var answer):
                    _answers.Add((pool, answer));
                    if (_scenario.HolderReleases && answer is PoolAnswer.Granted(var usage))
                    {
                        _pools[pool].ReleaseToken(
                            new PoolRequest.ReleaseToken(Token, usage.UsageId), new Caller(pool, now + PoolDecider.CallerPatience), now);
                    }

                    break;
                default:
                    throw new ArgumentOutOfRangeException(nameof(effect));
            }
        }

        public void Check()
        {
            Assert.True(_ledger.OpenRows.Count <= 1);
            Assert.Equal(_journal.Count, _journal.Distinct().Count());
            foreach (var @event in _journal)
            {
                var row = _ledger.Find(UsageOf(@event))!.Usage;
                switch (@event)
                {
                    case TokenEvent.TokenActivated activated:
                        Assert.Equal((row.Fence, row.UserId, row.StartedAt), (activated.Fence, activated.UserId, activated.StartedAt));
                        break;
                    case TokenEvent.TokenReleased released:
                        Assert.Equal(row.End, new UsageEnd(released.EndedAt, released.Reason));
                        break;
                    default:
                        Assert.Fail($"{@event}");
                        break;
                }
            }

            foreach (var pool in _pools)
            {
                var status = pool.StatusAt(_poolTime[0]);
                Assert.Equal(1, status.Total);
                Assert.Equal(status.Total, status.Free + status.Active + status.Reserved);
            }
        }

        private static Guid UsageOf(TokenEvent @event) => @event switch
        {
            TokenEvent.TokenActivated activated => activated.UsageId,
            TokenEvent.TokenReleased released => released.UsageId,
            _ => throw new ArgumentOutOfRangeException(nameof(@event)),
        };

        private static Guid User(int number) => new($"00000000-0000-0000-0001-{number:D12}");

        private static Guid Usage(int number) => new($"00000000-0000-0000-0002-{number:D12}");
    }
}
