using System.Diagnostics;
using CsCheck;
using TokenManager.Actors.Ledger;
using TokenManager.Actors.Tests.Model;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Tests.Tokens;

public sealed class TokenDeciderTests
{
    private static readonly Guid Token = Make.Token(1);
    private static readonly Usage Running = Make.Open(1, 1, 1);
    private static readonly Usage Past = Make.Ended(1, 1, 1);
    private static readonly TokenState New = new TokenState.Available(Last: null);
    private static readonly TokenState Active = new TokenState.Active(Running);
    private static readonly TokenState Available = new TokenState.Available(Past);

    // ---- commands

    [Fact]
    public void A_new_token_opens_its_first_usage_with_fence_1() =>
        Assert.Equal(
            new TokenStep.Open(new OpenUsage(Make.Usage(1), Token, Make.User(1), 1, Make.Lease)),
            TokenDecider.Decide(New, Activate(1)));

    [Fact]
    public void A_token_that_came_back_opens_the_next_fence() =>
        Assert.Equal(
            new TokenStep.Open(new OpenUsage(Make.Usage(2), Token, Make.User(2), 2, Make.Lease)),
            TokenDecider.Decide(Available, Activate(2)));

    [Fact]
    public void A_limit_of_the_command_is_the_statements()
    {
        var step = Assert.IsType<TokenStep.Open>(TokenDecider.Decide(New, Activate(1) with { NotAfter = Make.Start }));
        Assert.Equal(Make.Start, step.Request.NotAfter);
    }

    [Fact]
    public void An_activation_sent_again_gets_the_running_usage_if_its_row_says_that_it_runs()
    {
        Assert.Equal(new TokenStep.Find(Make.Usage(1)), TokenDecider.Decide(Active, Activate(1)));
        Assert.Equal(new TokenStep.AnswerActivated(), TokenDecider.DecideFound(Active, Activate(1), Make.Row(Running)));
    }

    [Fact]
    public void An_activation_sent_again_whose_row_is_closed_or_gone_makes_the_actor_recover()
    {
        Assert.Equal(new TokenStep.Recover(), TokenDecider.DecideFound(Active, Activate(1), Make.Row(Past)));
        Assert.Equal(new TokenStep.Recover(), TokenDecider.DecideFound(Active, Activate(1), row: null));
    }

    [Fact]
    public void A_usage_id_that_runs_for_another_user_is_taken()
    {
        var step = Assert.IsType<TokenStep.AnswerUsageIdTaken>(TokenDecider.Decide(Active, Activate(1, user: 2)));
        Assert.Equal(Running, step.Row.Usage);
    }

    [Fact]
    public void A_usage_id_whose_usage_ended_is_taken_and_never_granted_again()
    {
        var step = Assert.IsType<TokenStep.AnswerUsageIdTaken>(TokenDecider.Decide(Available, Activate(1)));
        Assert.Equal(Past, step.Row.Usage);
    }

    [Fact]
    public void A_lent_token_is_in_use_for_every_other_usage_id() =>
        Assert.Equal(new TokenStep.AnswerInUse(), TokenDecider.Decide(Active, Activate(2)));

    [Fact]
    public void Releasing_the_running_usage_closes_exactly_that_usage() =>
        Assert.Equal(
            new TokenStep.Close(new CloseUsage(Running.UsageId, EndReason.Cleared, Running.ExpiresAt)),
            TokenDecider.Decide(Active, Release(1, EndReason.Cleared)));

    [Fact]
    public void A_release_sent_again_gets_the_same_end() =>
        Assert.Equal(new TokenStep.AnswerEnded(Past), TokenDecider.Decide(Available, Release(1)));

    [Fact]
    public void A_release_of_a_usage_that_is_not_remembered_is_looked_up()
    {
        Assert.Equal(new TokenStep.Find(Make.Usage(2)), TokenDecider.Decide(Active, Release(2)));
        Assert.Equal(new TokenStep.Find(Make.Usage(2)), TokenDecider.Decide(Available, Release(2)));
        Assert.Equal(new TokenStep.Find(Make.Usage(2)), TokenDecider.Decide(New, Release(2)));
    }

    [Fact]
    public void A_token_that_is_woken_asks_its_row_what_became_of_it()
    {
        var wake = new TokenCommand.Wake(Token);
        Assert.Equal(new TokenStep.ReadRows(), TokenDecider.Decide(New, wake));
        Assert.Equal(new TokenStep.ReadRows(), TokenDecider.Decide(Available, wake));
        Assert.Equal(
            new TokenStep.Close(new CloseUsage(Running.UsageId, EndReason.Expired, Running.ExpiresAt)),
            TokenDecider.Decide(Active, wake));
    }

    [Fact]
    public void The_end_of_a_lease_closes_the_running_usage_only_if_it_is_due() =>
        Assert.Equal(
            new TokenStep.Close(new CloseUsage(Running.UsageId, EndReason.Expired, Running.ExpiresAt)),
            TokenDecider.DecideExpiry(Active));

    [Fact]
    public void The_end_of_a_lease_does_nothing_to_a_token_that_nobody_holds()
    {
        Assert.Equal(new TokenStep.Nothing(), TokenDecider.DecideExpiry(New));
        Assert.Equal(new TokenStep.Nothing(), TokenDecider.DecideExpiry(Available));
    }

    // ---- what the ledger answers

    [Fact]
    public void An_opened_usage_is_journaled_as_the_row_says()
    {
        var usage = Make.Open(1, 2, 2);
        Assert.Equal(
            new TokenStep.Journal(Activated(usage)),
            TokenDecider.DecideOpened(Available, Activate(2), new OpenResult.Found(Make.Row(usage))));
    }

    [Fact]
    public void An_activation_that_came_too_late_is_answered_and_changes_nothing() =>
        Assert.Equal(
            new TokenStep.AnswerTooLate(), TokenDecider.DecideOpened(Available, Activate(2), new OpenResult.TooLate()));

    [Fact]
    public void A_user_that_holds_another_token_is_refused()
    {
        var other = Make.Row(Make.Open(2, 5, 9));
        Assert.Equal(
            new TokenStep.AnswerUserHolds(other),
            TokenDecider.DecideOpened(Available, Activate(2), new OpenResult.UserHolds(other)));
    }

    [Fact]
    public void A_user_that_holds_this_very_token_shows_that_the_actor_is_behind() =>
        Assert.Equal(
            new TokenStep.Recover(),
            TokenDecider.DecideOpened(Available, Activate(2), new OpenResult.UserHolds(Make.Row(Make.Open(1, 2, 9)))));

    [Fact]
    public void A_fence_that_is_not_new_shows_that_the_actor_is_behind() =>
        Assert.Equal(
            new TokenStep.Recover(),
            TokenDecider.DecideOpened(Available, Activate(2), new OpenResult.TokenBehind(Make.Row(Make.Open(1, 2, 9)))));

    [Fact]
    public void A_usage_id_found_on_another_token_is_taken()
    {
        var row = Make.Row(Make.Open(2, 2, 2));
        Assert.Equal(
            new TokenStep.AnswerUsageIdTaken(row),
            TokenDecider.DecideOpened(Available, Activate(2), new OpenResult.Found(row)));
    }

    [Fact]
    public void A_usage_id_found_in_the_tokens_own_past_is_taken()
    {
        var row = Make.Row(Make.Ended(1, 1, 2));
        Assert.Equal(
            new TokenStep.AnswerUsageIdTaken(row),
            TokenDecider.DecideOpened(Available, Activate(2), new OpenResult.Found(row)));
    }

    [Theory]
    [InlineData(2, true, 2)]
    [InlineData(2, false, 9)]
    [InlineData(3, false, 2)]
    public void A_found_usage_that_is_not_the_wanted_next_one_makes_the_actor_recover(long fence, bool ended, int user)
    {
        var usage = (ended ? Make.Ended(1, fence, 2) : Make.Open(1, fence, 2)) with { UserId = Make.User(user) };
        Assert.Equal(
            new TokenStep.Recover(),
            TokenDecider.DecideOpened(Available, Activate(2), new OpenResult.Found(Make.Row(usage))));
    }

    [Fact]
    public void A_closed_usage_is_journaled_with_the_end_that_the_row_says()
    {
        var closed = Make.Ended(1, 1, 1, EndReason.Evicted);
        Assert.Equal(
            new TokenStep.Journal(Released(closed)), TokenDecider.DecideClosed(Active, new CloseResult.Closed(closed)));
    }

    [Fact]
    public void A_lease_that_is_not_over_by_the_databases_clock_is_waited_for() =>
        Assert.Equal(
            new TokenStep.Wait(TimeSpan.FromSeconds(3)),
            TokenDecider.DecideClosed(Active, new CloseResult.NotDue(new UsageRow(Running, TimeSpan.FromSeconds(3)))));

    [Fact]
    public void A_running_usage_that_the_ledger_does_not_know_is_a_contradiction() =>
        Assert.Throws<LedgerContradictsJournalException>(
            () => TokenDecider.DecideClosed(Active, new CloseResult.NotFound()));

    [Fact]
    public void A_closed_answer_while_nothing_runs_is_loud()
    {
        Assert.Throws<UnreachableException>(() => TokenDecider.DecideClosed(Available, new CloseResult.Closed(Past)));
        Assert.Throws<UnreachableException>(() => TokenDecider.DecideClosed(Active, new CloseResult.Closed(Running)));
    }

    [Fact]
    public void A_usage_that_nobody_knows_or_another_token_has_is_not_mine()
    {
        Assert.Equal(new TokenStep.AnswerNotMine(), TokenDecider.DecideFound(Active, Release(2), row: null));
        Assert.Equal(
            new TokenStep.AnswerNotMine(),
            TokenDecider.DecideFound(Active, Release(2), Make.Row(Make.Open(2, 1, 2))));
    }

    [Fact]
    public void A_usage_found_open_or_above_the_known_fence_makes_the_actor_recover()
    {
        Assert.Equal(
            new TokenStep.Recover(), TokenDecider.DecideFound(Available, Release(2), Make.Row(Make.Open(1, 1, 2))));
        Assert.Equal(
            new TokenStep.Recover(), TokenDecider.DecideFound(Available, Release(2), Make.Row(Make.Ended(1, 2, 2))));
    }

    [Fact]
    public void A_usage_of_the_tokens_past_is_answered_with_its_end()
    {
        var past = Make.Ended(1, 1, 2);
        Assert.Equal(
            new TokenStep.AnswerEnded(past),
            TokenDecider.DecideFound(new TokenState.Available(Make.Ended(1, 5, 5)), Release(2), Make.Row(past)));
    }

    // ---- events and adoption

    [Fact]
    public void Apply_is_loud_about_what_the_journal_cannot_hold()
    {
        Assert.Throws<UnreachableException>(() => TokenDecider.Apply(New, Released(Past)));
        Assert.Throws<UnreachableException>(() => TokenDecider.Apply(New, Activated(Make.Open(1, 2, 1))));
        Assert.Throws<UnreachableException>(() => TokenDecider.Apply(Active, Activated(Make.Open(1, 2, 2))));
        Assert.Throws<UnreachableException>(() => TokenDecider.Apply(Active, Released(Make.Ended(1, 1, 2))));
        Assert.Throws<UnreachableException>(() => TokenDecider.Apply(Available, Activated(Make.Open(1, 1, 2))));
        Assert.Throws<UnreachableException>(() => TokenDecider.Apply(Available, Released(Past)));
    }

    [Fact]
    public void Apply_is_total_over_legal_sequences_and_counts_fences_one_by_one() =>
        Gen.Int[1, 40].Sample(
            count =>
            {
                var state = New;
                for (var fence = 1; fence <= count; fence++)
                {
                    state = TokenDecider.Apply(state, Activated(Make.Open(1, fence, fence)));
                    Assert.Equal(new TokenState.Active(Make.Open(1, fence, fence)), state);
                    state = TokenDecider.Apply(state, Released(Make.Ended(1, fence, fence)));
                    Assert.Equal(new TokenState.Available(Make.Ended(1, fence, fence)), state);
                }
            },
            iter: 200,
            threads: 1);

    [Fact]
    public void Every_event_but_the_legal_next_one_is_refused_by_Apply() =>
        Gen.Select(Gen.Int[0, 6], Gen.Int[0, 4], Gen.Int[1, 4], Gen.Bool).Sample(
            (journaled, fence, usage, released) =>
            {
                var state = Fold(Events(4).Take(journaled));
                TokenEvent @event = released ? Released(Make.Ended(1, fence, usage)) : Activated(Make.Open(1, fence, usage));
                var isLegal = (state, released) switch
                {
                    (TokenState.Available, false) => fence == state.Fence + 1,
                    (TokenState.Active active, true) => Make.Usage(usage) == active.Usage.UsageId,
                    _ => false,
                };
                if (isLegal)
                    TokenDecider.Apply(state, @event);
                else
                    Assert.Throws<UnreachableException>(() => TokenDecider.Apply(state, @event));
            },
            iter: 2000,
            threads: 1);

    [Fact]
    public void Adoption_heals_every_prefix_of_the_journal() =>
        Gen.Select(Gen.Int[0, 8], Gen.Bool, Gen.Int[0, 20]).Sample(
            (usages, lastIsOpen, journaled) =>
            {
                var rows = Enumerable.Range(1, usages)
                    .Select(n => n == usages && lastIsOpen ? Make.Open(1, n, n) : Make.Ended(1, n, n, (EndReason)(1 + (n % 4))))
                    .ToArray();
                var all = rows.SelectMany(Events).ToArray();
                var known = all.Take(journaled).ToArray();
                var state = Fold(known);

                var missing = TokenDecider.Adopt(
                    state, [.. rows.Where(row => row.Fence >= Math.Max(1, state.Fence)).Select(Make.Row)]);

                Assert.Equal(all, known.Concat(missing));
                Assert.Equal(Fold(all), missing.Aggregate(state, TokenDecider.Apply));
            },
            iter: 2000,
            threads: 1);

    [Fact]
    public void Adoption_is_loud_when_the_journal_is_ahead_of_the_ledger()
    {
        Assert.Throws<LedgerContradictsJournalException>(() => TokenDecider.Adopt(Active, []));
        Assert.Throws<LedgerContradictsJournalException>(
            () => TokenDecider.Adopt(Available, [Make.Row(Make.Open(1, 2, 2))]));
    }

    [Fact]
    public void Adoption_is_loud_when_the_ledger_tells_another_story_of_the_same_fence()
    {
        Assert.Throws<LedgerContradictsJournalException>(
            () => TokenDecider.Adopt(Active, [Make.Row(Make.Open(1, 1, 2))]));
        Assert.Throws<LedgerContradictsJournalException>(
            () => TokenDecider.Adopt(Available, [Make.Row(Running)]));
    }

    // ---- random lives

    [Fact]
    public void Whatever_two_incarnations_do_the_ledger_and_the_journal_stay_true() =>
        Gen.Select(Gen.Int[0, 1], Gen.Int[0, 10], Gen.Int[1, 5], Gen.Int[1, 3]).Array[1, 60].Sample(
            steps => new TwoIncarnations().Run(steps), iter: 4000, threads: 1);

    private sealed class TwoIncarnations
    {
        private readonly LedgerModel _ledger = new();
        private readonly List<TokenEvent> _journal = [];
        private readonly TokenMachine[] _machines;
        private readonly Dictionary<Guid, Usage> _granted = [];
        private readonly Dictionary<Guid, UsageEnd> _ended = [];

        public TwoIncarnations() => _machines = [NewMachine(), NewMachine()];

        public void Run((int Machine, int Action, int Usage, int User)[] steps)
        {
            foreach (var (machine, action, usage, user) in steps)
            {
                if (!_machines[machine].IsAlive)
                    _machines[machine] = NewMachine();
                Do(machine, action, usage, user);
                Check();
            }

            // One fresh incarnation heals whatever is left.
            var last = NewMachine();
            last.RunToIdle();
            Assert.True(last.IsAlive);
            Assert.Equal(_ledger.Rows.OrderBy(row => row.Fence).SelectMany(Events), _journal);
            _ledger.Now += Make.Lease;
            last.LeaseOver();
            last.RunToIdle();
            foreach (var (usageId, granted) in _granted)
            {
                last.Take(new TokenCommand.Release(Token, usageId, EndReason.Released));
                last.RunToIdle();
                Assert.True(_ended.ContainsKey(usageId), $"{granted} was never ended.");
            }

            Assert.Empty(_ledger.OpenRows);
        }

        private void Do(int index, int action, int usage, int user)
        {
            var machine = _machines[index];
            switch (action)
            {
                case 0 or 1 or 2 when machine.IsIdle:
                    machine.Take(new TokenCommand.Activate(Token, Make.Usage(usage), Make.User(user), Make.Lease));
                    break;
                case 3 when machine.IsIdle:
                    machine.Take(new TokenCommand.Release(Token, Make.Usage(usage), (EndReason)(1 + user)));
                    break;
                case 4 when machine.IsIdle:
                    machine.LeaseOver();
                    break;
                case 10 when machine.IsIdle:
                    machine.Take(new TokenCommand.Wake(Token));
                    break;
                case 5:
                    _ledger.Now += Make.Lease / 2;
                    break;
                case 6:
                    _machines[index] = NewMachine();
                    break;
                case 7:
                    machine.LoseNextJournalAnswer = true;
                    machine.Step();
                    machine.LoseNextJournalAnswer = false;
                    break;
                case 8:
                    machine.RunToIdle();
                    break;
                default:
                    machine.Step();
                    break;
            }
        }

        private void Check()
        {
            Assert.True(_ledger.OpenRows.Count <= 1);
            Assert.Equal(Enumerable.Range(1, _ledger.Rows.Count).Select(n => (long)n), _ledger.Rows.Select(r => r.Fence).Order());
            Assert.Equal(_journal, _ledger.Rows.OrderBy(row => row.Fence).SelectMany(Events).Take(_journal.Count));
            Assert.All(_ledger.Rows, row => Assert.True(row.End is null || row.End.At >= row.StartedAt));
        }

        private TokenMachine NewMachine() => new(Token, _ledger, _journal) { Answered = Answered };

        private void Answered(TokenCommand command, TokenAnswer answer)
        {
            switch (answer)
            {
                case TokenAnswer.Activated(_, var row):
                    var activate = (TokenCommand.Activate)command;
                    Assert.Equal((activate.UsageId, activate.UserId), (row.Usage.UsageId, row.Usage.UserId));
                    Assert.Contains(Activated(row.Usage), _ledger.Rows.SelectMany(Events));
                    Assert.True(_granted.TryAdd(row.Usage.UsageId, row.Usage) || _granted[row.Usage.UsageId] == row.Usage);
                    break;
                case TokenAnswer.Ended(_, { End: { } end } usage):
                    Assert.Equal(((TokenCommand.Release)command).UsageId, usage.UsageId);
                    Assert.Contains(Released(usage), _ledger.Rows.SelectMany(Events));
                    Assert.True(_ended.TryAdd(usage.UsageId, end) || _ended[usage.UsageId] == end, "A usage ended twice.");
                    break;
                case TokenAnswer.NotMine(_, var usageId):
                    Assert.DoesNotContain(_ledger.Rows, row => row.UsageId == usageId);
                    break;
                case TokenAnswer.Standing(_, _, { Usage: var current }):
                    Assert.Contains(Activated(current), _ledger.Rows.SelectMany(Events));
                    break;
                case TokenAnswer.UsageIdTaken(_, var usageId, var row):
                    Assert.Equal(usageId, row.Usage.UsageId);
                    Assert.True(!row.Usage.IsOpen || row.Usage.UserId != ((TokenCommand.Activate)command).UserId);
                    break;
                default:
                    break;
            }
        }
    }

    private static TokenState Fold(IEnumerable<TokenEvent> events) => events.Aggregate(New, TokenDecider.Apply);

    private static IEnumerable<TokenEvent> Events(int usages) =>
        Enumerable.Range(1, usages).SelectMany(n => Events(Make.Ended(1, n, n)));

    private static IEnumerable<TokenEvent> Events(Usage usage)
    {
        yield return Activated(usage);
        if (!usage.IsOpen)
            yield return Released(usage);
    }

    private static TokenEvent.TokenActivated Activated(Usage usage) => new(
        usage.TokenId, usage.UsageId, usage.UserId, usage.Fence, usage.StartedAt, usage.ExpiresAt);

    private static TokenEvent.TokenReleased Released(Usage usage) => new(
        usage.TokenId, usage.UsageId, usage.Fence, usage.End!.At, usage.End.Reason);

    private static TokenCommand.Activate Activate(int usage, int? user = null) =>
        new(Token, Make.Usage(usage), Make.User(user ?? usage), Make.Lease);

    private static TokenCommand.Release Release(int usage, EndReason reason = EndReason.Released) =>
        new(Token, Make.Usage(usage), reason);
}
