using CsCheck;
using TokenManager.Actors.Ledger;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Tests.Model;
using TokenManager.Actors.Tokens;
using TokenManager.Testing;

namespace TokenManager.Actors.Tests.Pool;

/// <summary>
/// The pool's decisions in a world that loses, delays and repeats messages, whose tokens die between any two steps and
/// whose ledger goes away, against what must hold whatever happens.
/// </summary>
[Collection(LongestFirst.Prefix + "pool worlds")]
public sealed class PoolWorldTests
{
    [Fact]
    public void Whatever_happens_to_a_pool_that_rejects_its_books_balance_and_every_caller_gets_one_true_answer() =>
        Explore(WhenExhausted.Reject);

    [Fact]
    public void Whatever_happens_to_a_pool_that_evicts_its_books_balance_and_every_caller_gets_one_true_answer() =>
        Explore(WhenExhausted.EvictOldest);

    private static void Explore(WhenExhausted whenExhausted) =>
        Gen.Select(Gen.Int[0, 29], Gen.Int[0, 9], Gen.Int[0, 9], Gen.UInt).Array[1, 120].Sample(
            steps =>
            {
                var world = new World(whenExhausted);
                foreach (var (action, a, b, chance) in steps)
                    world.Do(action, a, b, chance);
                world.Heal();
            },
            iter: 400);

    private sealed class World
    {
        private const int Tokens = 5;
        private static readonly TimeSpan Lease = TimeSpan.FromSeconds(6);
        private static readonly TimeSpan LongestLedgerCall = TimeSpan.FromSeconds(1);

        // One ask that was made in the last moment of patience, and a look-up for the refusal that came of it.
        private static readonly TimeSpan LastAsk = TimeSpan.FromSeconds(2.5) + LongestLedgerCall;

        private readonly PoolSettings _settings;
        private readonly LedgerModel _ledger = new();
        private readonly List<TokenEvent>[] _journals = [.. Enumerable.Range(0, Tokens).Select(_ => new List<TokenEvent>())];
        private readonly TokenMachine?[] _machines = new TokenMachine?[Tokens];
        private readonly bool[] _announced = new bool[Tokens];
        private readonly Queue<(TimeSpan Due, TokenCommand Command, int Pool)>[] _inboxes =
            [.. Enumerable.Range(0, Tokens).Select(_ => new Queue<(TimeSpan, TokenCommand, int)>())];

        // Whose command is under way: an answer goes to the pool that asked, even if that is gone.
        private readonly int[] _asking = new int[Tokens];

        private readonly PriorityQueue<Action, (TimeSpan, int)> _toPool = new();
        private readonly Dictionary<int, (PoolRequest Request, TimeSpan GivesUpAt, TimeSpan Slept)> _open = [];

        // What a pool that is gone has asked may still be carried out until then, or was; its successor does not know of
        // it, unless it can ask the ledger.
        private readonly Dictionary<Guid, TimeSpan> _lost = [];
        private readonly Dictionary<Guid, TimeSpan> _askedUntil = [];

        // Refused for good, unless somebody else still waits for the same, or asks for it again.
        private readonly HashSet<(Guid User, Guid Usage)> _refused = [];
        private PoolDecider _pool;
        private TimeSpan _now = TimeSpan.FromHours(1);
        private TimeSpan _nextSweep;
        private TimeSpan _slept;
        private uint _chance;
        private bool _calm;
        private bool _outage;
        private int _size = 4;
        private int _callers;
        private int _sent;
        private int _pools;

        public World(WhenExhausted whenExhausted)
        {
            _settings = new PoolSettings { Size = _size, Lease = Lease, WhenExhausted = whenExhausted, MaxWaiting = 12 };
            _pool = NewPool();
        }

        public void Do(int action, int a, int b, uint chance)
        {
            _chance = chance;
            switch (action)
            {
                case < 10:
                    Request(new PoolRequest.ActivateToken(Make.User(a), Make.Usage(1000 + _callers), CallerChoseUsageId: false));
                    break;
                case < 14:
                    Request(new PoolRequest.ActivateToken(Make.User(a), Make.Usage(b), CallerChoseUsageId: true));
                    break;
                case < 18 when _ledger.Rows.Count > 0:
                    var row = _ledger.Rows.ElementAt(((a * 10) + b) % _ledger.Rows.Count);
                    Request(new PoolRequest.ReleaseToken(b == 0 ? Make.Token(a) : row.TokenId, row.UsageId));
                    break;
                case 18:
                    Request(new PoolRequest.ClearTokens());
                    break;
                case 19:
                    _outage = !_outage;
                    break;
                case 20 or 21:
                    Die(a % Tokens);
                    break;
                case 22 when b < 3:
                    // Its callers are lost with it; their gateways ask its successor.
                    _open.Clear();
                    foreach (var (usageId, until) in _askedUntil)
                        _lost[usageId] = until;
                    _askedUntil.Clear();
                    _pool = NewPool();
                    break;
                case 23:
                    _size = 2 + (a % 4);
                    break;
                case 24:
                    _inboxes[a % Tokens].Clear();
                    break;
                case 25:
                    Pass(TimeSpan.FromSeconds(1 + (b / 3.0)));
                    break;
                case 26 when !_outage:
                    Sleep(TimeSpan.FromSeconds(2 + (b * b / 2)));
                    break;
                default:
                    break;
            }

            Pass(TimeSpan.FromMilliseconds(25 * (1 + (b * b / 8))));
        }

        /// <summary>No more faults: every caller is answered, every lease ends, and all agree.</summary>
        public void Heal()
        {
            (_calm, _outage, _size) = (true, false, 4);
            Pass(PoolDecider.CallerPatience + LastAsk + (Lease * 2));
            // What only a pool that is gone was told, a cache knows better, and makes the token say it again.
            for (var token = 0; token < Tokens; token++)
                _inboxes[token].Enqueue((_now, new TokenCommand.Wake(Make.Token(token)), _pools));
            Pass(TimeSpan.FromSeconds(1));
            Assert.Empty(_open);
            Assert.Empty(_ledger.OpenRows);
            Assert.Equal(new PoolStatus(4, 4, 0, 0, 0, NextRelease: null), _pool.StatusAt(_now));
            var truth = Image().Tokens.Where(token => token.Ordinal < 4);
            Assert.Equal(
                truth.Select(token => (token.TokenId, token.Ordinal, token.Fence)),
                _pool.Bucket(0).Tokens.Select(token => (token.TokenId, token.Ordinal, token.Fence)));
            for (var token = 0; token < Tokens; token++)
                new TokenMachine(Make.Token(token), _ledger, _journals[token]).RunToIdle();
            Assert.All(
                Enumerable.Range(0, Tokens),
                n => Assert.Equal(
                    _ledger.Rows.Where(row => row.TokenId == Make.Token(n)).OrderBy(row => row.Fence).Select(row => row.End!.Reason),
                    _journals[n].OfType<TokenEvent.TokenReleased>().Select(released => released.Reason)));

            Array.Clear(_machines);
            for (var user = 100; user < 104; user++)
                Request(new PoolRequest.ActivateToken(Make.User(user), Make.Usage(user), CallerChoseUsageId: true));
            Pass(TimeSpan.FromSeconds(1));
            Assert.Empty(_open);
            Assert.Equal(4, _ledger.OpenRows.Count);
            Assert.Equal((0, 4), (_pool.StatusAt(_now).Free, _pool.StatusAt(_now).Active));
        }

        private void Pass(TimeSpan span)
        {
            for (var end = _now + span; _now < end;)
            {
                Step();
                while (_toPool.TryPeek(out var arrive, out var due) && due.Item1 <= _now)
                {
                    _toPool.Dequeue();
                    arrive();
                    Carry();
                }

                _pool.Tick(_now);
                Carry();
                if (_now >= _nextSweep && !_outage)
                {
                    _nextSweep = _now + TimeSpan.FromSeconds(1);
                    var overdue = _ledger.OpenRows.Where(row => row.ExpiresAt <= _ledger.Now).Select(RowOf).ToList();
                    FromLedger(() => _pool.Sweep(new SweepImage(_size, overdue), _now));
                }

                Check();
            }
        }

        /// <summary>The pool sleeps; when it wakes, it reads the ledger before it hears what came meanwhile.</summary>
        private void Sleep(TimeSpan span)
        {
            for (var end = _now + span; _now < end;)
                Step();
            _slept += span;
            _pool.Load(Image(), _now);
            Carry();
        }

        private void Step()
        {
            var step = TimeSpan.FromMilliseconds(25);
            _now += step;
            _ledger.Now += step;
            for (var token = 0; token < Tokens; token++)
                RunToken(token);
        }

        // ---- tokens

        private void RunToken(int token)
        {
            if (_machines[token] is { IsAlive: false })
                Die(token);
            if (_outage)
            {
                // Their statements fail: sometimes before they were sent, sometimes nobody knows.
                while (_inboxes[token].TryPeek(out var failing) && failing.Due <= _now)
                {
                    _inboxes[token].Dequeue();
                    if (UsageIdOf(failing.Command) is { } usageId)
                    {
                        var isUnknown = _machines[token] is { IsIdle: false } || Chance(50);
                        Say(new TokenAnswer.Failed(failing.Command.TokenId, usageId, isUnknown)
                        {
                            Ask = !isUnknown && failing.Command is TokenCommand.Activate ask ? ask.Ask : 0,
                        }, failing.Pool);
                    }
                }

                return;
            }

            if (_machines[token] is { IsIdle: false } busy)
            {
                if (_calm || Chance(70))
                {
                    busy.LoseNextJournalAnswer = !_calm && Chance(4);
                    busy.Step();
                    busy.LoseNextJournalAnswer = false;
                }
            }
            else if (_inboxes[token].TryPeek(out var next) && next.Due <= _now)
            {
                var machine = _machines[token];
                if (machine is null)
                {
                    _announced[token] = false;
                    _machines[token] = machine = new TokenMachine(Make.Token(token), _ledger, _journals[token])
                    {
                        Answered = (_, answer) => Say(answer, _asking[token]),
                        LeftToTheNext = command =>
                        {
                            if (_calm || !Chance(8))
                                _inboxes[token].Enqueue((_now + Delay(1000), command, _asking[token]));
                        },
                    };
                }

                if (machine.IsIdle)
                {
                    _inboxes[token].Dequeue();
                    _asking[token] = next.Pool;
                    machine.Take(next.Command);
                }
            }

            if (_machines[token] is { IsIdle: true } idle)
            {
                if (!_announced[token])
                {
                    _announced[token] = true;
                    Stand(idle, token);
                }

                if (idle.State is TokenState.Active(var usage) && usage.ExpiresAt <= _ledger.Now)
                {
                    _announced[token] = false;
                    idle.LeaseOver();
                }
            }
        }

        private void Stand(TokenMachine machine, int token) => Say(new TokenAnswer.Standing(
            Make.Token(token), machine.State.Fence, machine.State is TokenState.Active(var usage) ? RowOf(usage) : null), _pools);

        private void Die(int token) => _machines[token] = null;

        private void Say(TokenAnswer answer, int pool)
        {
            // An answer may be lost or late. What it reports may reach the pool twice; a refusal is given once.
            if (!_calm && Chance(8))
                return;

            Deliver();
            if (!_calm && answer is TokenAnswer.Activated or TokenAnswer.Ended or TokenAnswer.Standing && Chance(8))
                Deliver();

            void Deliver() => ToPool(pool, Delay(600), () => _pool.TokenAnswered(answer, _now));
        }

        // ---- the pool

        private PoolDecider NewPool()
        {
            var pool = new PoolDecider(_settings);
            pool.Load(Image(), _now);
            _pools++;
            return pool;
        }

        private void Request(PoolRequest request)
        {
            // An ask that is sent again comes with what is left of its caller's time.
            var caller = new Caller(_callers++, _now + PoolDecider.CallerPatience - Delay(3000));
            _open.Add((int)caller.To, (request, caller.GivesUpAt, _slept));
            switch (request)
            {
                case PoolRequest.ActivateToken activate:
                    _refused.Remove((activate.UserId, activate.UsageId));
                    _pool.Activate(activate, caller, _now);
                    break;
                case PoolRequest.ReleaseToken release:
                    _pool.ReleaseToken(release, caller, _now);
                    break;
                default:
                    _pool.ClearTokens(caller);
                    break;
            }

            Carry();
            Check();
        }

        private void Carry()
        {
            foreach (var effect in _pool.TakeEffects())
            {
                switch (effect)
                {
                    case PoolEffect.TellToken { Command: TokenCommand.Activate ask, NotAfter: { } notAfter }:
                        _askedUntil[ask.UsageId] = notAfter;
                        // What the pool knows of the database's clock is old by the time that it took to hear of it.
                        var limited = ask with { NotAfter = _ledger.Now + (notAfter - _now) - Delay(1000) };
                        if (_calm || !Chance(8))
                            _inboxes[int.Parse(ask.TokenId.ToString()[^2..])].Enqueue((_now + Delay(2500), limited, _pools));
                        break;
                    case PoolEffect.TellToken(var command):
                        if (_calm || !Chance(8))
                        {
                            var inbox = _inboxes[int.Parse(command.TokenId.ToString()[^2..])];
                            inbox.Enqueue((_now + Delay(600), command, _pools));
                        }

                        break;
                    case PoolEffect.Reply(int caller, var answer):
                        Answered(caller, answer);
                        break;
                    case PoolEffect.LookUpUsage(var usageId):
                        var answers = !_outage;
                        var row = _ledger.Find(usageId);
                        var askedAt = _now;
                        FromLedger(() => _pool.UsageLookedUp(usageId, answers, answers ? row : null, askedAt, _now));
                        break;
                    case PoolEffect.CheckLedger:
                        CheckLedger();
                        break;
                    case PoolEffect.Reload:
                        if (!_outage)
                        {
                            var image = Image();
                            FromLedger(() => _pool.Load(image, _now));
                        }

                        break;
                    default:
                        Assert.Fail($"{effect}");
                        break;
                }
            }
        }

        private void CheckLedger()
        {
            var answers = !_outage;
            FromLedger(() =>
            {
                _pool.LedgerChecked(answers, _now);
                if (!answers)
                    ToPool(TimeSpan.FromMilliseconds(250), CheckLedger);
            });
        }

        private void Answered(int caller, PoolAnswer answer)
        {
            Assert.True(_open.Remove(caller, out var open), $"{answer} for caller {caller} comes a second time.");
            switch (open.Request, answer)
            {
                case (PoolRequest.ActivateToken request, PoolAnswer.Granted(var usage)):
                    var row = _ledger.Find(request.UsageId)!.Usage;
                    Assert.Equal((request.UserId, request.UsageId), (usage.UserId, usage.UsageId));
                    Assert.Equal(row with { End = null }, usage);
                    break;
                case (PoolRequest.ActivateToken request, PoolAnswer.UsageIdReused):
                    Assert.True(
                        _ledger.Rows.Any(r => r.UsageId == request.UsageId) || request.CallerChoseUsageId,
                        "Nobody else can have used this id.");
                    Assert.DoesNotContain(
                        _ledger.OpenRows, r => (r.UsageId, r.UserId) == (request.UsageId, request.UserId));
                    break;
                case (PoolRequest.ActivateToken request, PoolAnswer.UserAlreadyActive or PoolAnswer.Exhausted or
                    PoolAnswer.Unavailable { OutcomeUnknown: false }):
                    var isLost = _lost.TryGetValue(request.UsageId, out var until) &&
                        (_now <= until || answer is PoolAnswer.Unavailable);
                    if (!isLost && !_open.Values.Any(other => other.Request is PoolRequest.ActivateToken same &&
                        (same.UserId, same.UsageId) == (request.UserId, request.UsageId)))
                    {
                        _refused.Add((request.UserId, request.UsageId));
                    }

                    Assert.True(
                        isLost ||
                        !_ledger.OpenRows.Any(r => r.UsageId == request.UsageId && r.UserId == request.UserId),
                        $"{answer} for {request}, whose usage runs.");
                    Assert.False(
                        answer is PoolAnswer.Exhausted && _settings.WhenExhausted is WhenExhausted.EvictOldest &&
                        _now < open.GivesUpAt,
                        "A pool that evicts is never exhausted.");
                    break;
                case (PoolRequest.ReleaseToken release, PoolAnswer.Ended(var ended)):
                    Assert.Equal(_ledger.Find(release.UsageId)!.Usage, ended);
                    Assert.Equal(release.TokenId, ended.TokenId);
                    break;
                case (PoolRequest.ReleaseToken release, PoolAnswer.UsageMismatch):
                    Assert.NotEqual(release.TokenId, _ledger.Find(release.UsageId)!.Usage.TokenId);
                    break;
                case (PoolRequest.ActivateToken or PoolRequest.ReleaseToken or PoolRequest.ClearTokens, PoolAnswer.Unavailable):
                case (PoolRequest.ReleaseToken, PoolAnswer.TokenNotFound):
                case (PoolRequest.ClearTokens, PoolAnswer.Cleared):
                    break;
                default:
                    Assert.Fail($"{answer} for {open.Request}");
                    break;
            }
        }

        // ---- what always holds

        private void Check()
        {
            var status = _pool.StatusAt(_now);
            Assert.Equal(status.Total, status.Free + status.Active + status.Reserved);
            Assert.Equal(_open.Count, status.Waiting);
            // An operator's clear is taken even when the pool is full.
            Assert.True(status.Waiting <= _settings.MaxWaiting + 1);
            var views = _pool.Bucket(0).Tokens;
            Assert.Equal(
                views.Aggregate(0UL, (sum, token) => sum + TokenDigest.Mix(token.Ordinal, token.Version)),
                _pool.Digest(0).Buckets[0]);
            Assert.Equal(status.Total, views.Count);
            var open = _ledger.OpenRows.ToList();
            Assert.Equal(open.Count, open.Select(row => row.UserId).Distinct().Count());
            Assert.Equal(open.Count, open.Select(row => row.TokenId).Distinct().Count());
            foreach (var view in views)
            {
                // It may be late, but it never believes what never was.
                if (view.Current is { } usage)
                    Assert.Equal(_ledger.Find(usage.UsageId)!.Usage with { End = null }, usage);
            }

            foreach (var (user, usage) in _refused)
            {
                Assert.False(
                    _ledger.Find(usage) is { Usage: { IsOpen: true, UserId: var holder } } && holder == user,
                    $"User {user} was refused usage {usage}, and got it afterwards.");
            }

            foreach (var (caller, (request, givesUpAt, slept)) in _open)
            {
                Assert.True(
                    _now <= givesUpAt + LastAsk + (_slept - slept) || request is PoolRequest.ClearTokens,
                    $"Caller {caller} still waits {_now - givesUpAt} after its time: {request}");
            }
        }

        // ---- shorthand

        private PoolImage Image()
        {
            var all = _ledger.Load([.. Enumerable.Range(0, Tokens).Select(Make.Token)], _size);
            return all with { Tokens = [.. all.Tokens.Where(token => token.Ordinal < _size || token.Open is not null)] };
        }

        private UsageRow RowOf(Usage usage) => new(usage, usage.ExpiresAt - _ledger.Now);

        private void FromLedger(Action arrive) => ToPool(Delay(LongestLedgerCall.TotalMilliseconds), arrive);

        private void ToPool(TimeSpan delay, Action arrive) => ToPool(_pools, delay, arrive);

        private void ToPool(int pool, TimeSpan delay, Action arrive)
        {
            _toPool.Enqueue(() =>
            {
                if (pool == _pools)
                    arrive();
            }, (_now + delay, _sent++));
        }

        private TimeSpan Delay(double atMost) => TimeSpan.FromMilliseconds(_calm || !Chance(50) ? 0 : Next() % atMost);

        private bool Chance(int percent) => Next() % 100 < percent;

        private uint Next()
        {
            _chance = (_chance * 1664525) + 1013904223;
            return _chance >> 8;
        }

        private static Guid? UsageIdOf(TokenCommand command) => command switch
        {
            TokenCommand.Activate activate => activate.UsageId,
            TokenCommand.Release release => release.UsageId,
            _ => null,
        };
    }
}
