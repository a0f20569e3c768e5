using TokenManager.Faults.Checks;
using TokenManager.Faults.History;
using TokenManager.Testing;
using static TokenManager.Cluster.Tests.History.Story;

namespace TokenManager.Cluster.Tests.History;

public sealed class ChecksTests
{
    [Fact]
    public void Nothing_is_found_where_nothing_is_wrong() => Assert.Empty(Find(_ => { }));

    [Fact]
    public void A_token_with_two_holders_is_found() =>
        Assert.Contains(1, Find(story => story.Use(TokenA, User(7), fence: 9, from: 2, to: 2.5, "released")));

    [Fact]
    public void A_token_that_was_acknowledged_twice_is_found_though_the_ledger_lost_one() =>
        Assert.Contains(1, Find(story => story.Activate(1.9, 2.1, User(7), Lost(TokenA, User(7), from: 2))));

    [Fact]
    public void A_user_with_two_tokens_is_found() =>
        Assert.Contains(2, Find(story => story.Use(TokenB, User(1), fence: 9, from: 2.5, to: 2.8, "released")));

    [Fact]
    public void More_usages_than_tokens_are_found() =>
        Assert.Contains(3, Find(story => story.Use(User(50), User(7), fence: 1, from: 1.6, to: 1.9, "released")));

    [Fact]
    public void As_many_usages_as_tokens_one_after_the_other_are_no_violation() =>
        Assert.DoesNotContain(3, Find(story => story.Use(TokenB, User(7), fence: 9, from: 2, to: 2.5, "released")));

    [Fact]
    public void An_acknowledged_activation_that_the_ledger_does_not_have_is_found() =>
        Assert.Contains(4, Find(story => story.Rows.RemoveAt(0)));

    [Fact]
    public void An_acknowledged_activation_with_another_fence_is_found() =>
        Assert.Contains(4, Find(story => story.ChangeEverywhere(0, row => row with { Fence = 0 })));

    [Fact]
    public void An_acknowledged_activation_that_the_journal_does_not_have_is_found() =>
        Assert.Contains(4, Find(story => story.Journal.RemoveAt(0)));

    [Fact]
    public void An_acknowledged_activation_that_the_journal_has_twice_is_found() =>
        Assert.Contains(4, Find(story => story.Journal.Add(story.Journal[0] with { SequenceNumber = 99 })));

    [Fact]
    public void An_acknowledged_release_at_another_time_is_found() =>
        Assert.Contains(4, Find(story => story.ChangeEverywhere(1, row => row with { Ended = row.Ended + 1 })));

    [Fact]
    public void A_history_that_shows_what_never_was_is_found() => Assert.Contains(4, Find(story =>
        story.Add(6, 6.1, Kind.History, new Answer.Past([Lost(TokenB, User(7), from: 5.5)]), token: TokenB)));

    [Fact]
    public void A_history_without_what_was_acknowledged_before_is_found() => Assert.Contains(4, Find(story =>
        story.Add(6, 6.1, Kind.History, new Answer.Past([]), token: TokenB)));

    [Fact]
    public void A_history_that_shows_what_was_released_before_as_running_is_found() => Assert.Contains(4, Find(story => story.Add(
        6, 6.1, Kind.History, new Answer.Past([story.Rows[2] with { Expires = 0 }, story.Rows[1] with { Expires = 0, Ended = null, Reason = null }]), token: TokenB)));

    [Fact]
    public void A_history_that_is_no_full_page_and_does_not_go_back_to_the_first_usage_is_found() => Assert.Contains(4, Find(story =>
        story.Add(6, 6.1, Kind.History, new Answer.Past([story.Rows[2] with { Expires = 0 }]), token: TokenB)));

    [Fact]
    public void A_read_of_a_usage_that_never_was_is_found() =>
        Assert.Contains(4, Find(story => story.Read(5.5, 5.6, TokenB, Lost(TokenB, User(7), from: 5.4))));

    [Fact]
    public void A_read_that_shows_another_user_is_found() =>
        Assert.Contains(4, Find(story => story.Read(1.3, 1.4, TokenA, story.Rows[0] with { UserId = User(7) })));

    [Theory]
    [InlineData(7.5)]
    [InlineData(8.5)]
    public void An_activation_that_did_not_begin_between_request_and_answer_is_found(double began) => Assert.Contains(4, Find(story =>
        story.Activate(7.9, 8.1, User(7), story.Use(TokenB, User(7), fence: 3, from: began, to: 9, "expired"))));

    [Fact]
    public void A_release_that_was_not_made_between_request_and_answer_is_found() => Assert.Contains(4, Find(story =>
    {
        story.ChangeEverywhere(1, row => row with { Ended = At(1.7) });
        var release = story.Operations.FindIndex(operation => operation.Kind is Kind.Release);
        story.Operations[release] = story.Operations[release] with { Answer = new Answer.Released(story.Rows[1].UsageId, At(1.7)) };
    }));

    [Fact]
    public void A_key_that_is_granted_what_is_over_is_found() =>
        Assert.Contains(5, Find(story => story.Activate(5.5, 5.6, User(3), story.Rows[2])));

    [Fact]
    public void A_key_that_is_refused_for_another_reason_when_its_usage_is_over_is_found() => Assert.Contains(5, Find(story =>
        story.Activate(5.5, 5.6, User(3), story.Rows[2], new Answer.Refused("no_tokens_available"))));

    [Fact]
    public void A_key_that_is_refused_as_used_when_its_usage_is_over_is_no_violation() => Assert.DoesNotContain(5, Find(story =>
        story.Activate(5.5, 5.6, User(3), story.Rows[2], new Answer.Refused("idempotency_key_reused"))));

    [Fact]
    public void A_key_that_is_refused_as_used_and_never_was_is_found() => Assert.Contains(5, Find(story =>
        story.Activate(5.5, 5.6, User(7), Lost(TokenB, User(7), from: 5.5), new Answer.Refused("idempotency_key_reused"))));

    [Fact]
    public void A_row_that_was_there_when_its_request_was_told_that_nothing_was_granted_is_found_though_it_was_granted_later() =>
        Assert.Contains(5, Find(story =>
        {
            var row = story.Use(TokenB, User(7), fence: 3, from: 8.5, to: 10, "expired");
            story.Activate(8.4, 8.6, User(7), row, new Answer.Unavailable(MayHaveHappened: false));
            story.Activate(8.9, 9, User(7), row);
        }));

    [Fact]
    public void A_row_that_every_request_was_told_does_not_exist_is_found() =>
        Assert.Contains(5, Find(story => story.Activate(9.9, 10, User(7), story.Use(TokenB, User(7), 9, 9.95, 11, "released"), new Answer.Unavailable(false))));

    [Fact]
    public void A_key_that_was_granted_two_things_is_found() => Assert.Contains(5, Find(story =>
        story.Activate(2.4, 2.5, User(1), story.Rows[0] with { TokenId = TokenB })));

    [Fact]
    public void A_key_that_is_refused_while_its_usage_runs_is_found() => Assert.Contains(5, Find(story =>
        story.Activate(1.3, 1.4, User(1), story.Rows[0], new Answer.Refused("user_already_active"))));

    [Fact]
    public void A_row_that_nobody_asked_for_is_found() =>
        Assert.Contains(5, Find(story => story.Use(TokenB, User(7), fence: 9, from: 9, to: 10, "released")));

    [Fact]
    public void A_row_without_an_answer_and_without_an_event_is_found() => Assert.Contains(5, Find(story =>
    {
        var row = story.Use(TokenB, User(7), fence: 3, from: 9, to: 10, "cleared");
        story.Activate(8.9, 9.5, User(7), row, new Answer.Nothing());
        story.Journal.RemoveAll(entry => entry.UsageId == row.UsageId);
    }));

    [Fact]
    public void An_event_without_a_row_is_found() => Assert.Contains(5, Find(story =>
    {
        var row = story.Use(TokenB, User(7), fence: 3, from: 9, to: 10, "cleared");
        story.Activate(8.9, 9.5, User(7), row, new Answer.Nothing());
        story.Rows.Remove(row);
    }));

    [Fact]
    public void A_fence_that_does_not_increase_is_found() =>
        Assert.Contains(6, Find(story => story.ChangeEverywhere(3, row => row with { Fence = 1 })));

    [Fact]
    public void A_usage_that_expired_too_early_is_found() =>
        Assert.Contains(7, Find(story => story.ChangeEverywhere(0, row => row with { Ended = row.Expires - 1 })));

    [Fact]
    public void A_usage_that_expired_late_with_no_fault_about_is_found() =>
        Assert.Contains(7, Find(story => story.ChangeEverywhere(0, row => row with { Ended = row.Expires + Endings.Calm + 1 })));

    [Fact]
    public void A_usage_that_expired_later_than_a_move_takes_is_found() =>
        Assert.Contains(7, Find(story => story.ChangeEverywhere(3, row => row with { Ended = row.Expires + Endings.Moved + 1 })));

    [Fact]
    public void What_falls_due_while_nobody_can_release_it_is_due_when_that_is_over() => Assert.DoesNotContain(7, Find(story =>
    {
        story.Faults.Add(new Fault("database-stop", "10 s", Effect.Outage, 2 * Second, 12 * Second, 14 * Second));
        story.ChangeEverywhere(0, row => row with { Ended = At(12) + Endings.Moved });
    }));

    [Fact]
    public void A_usage_that_never_ended_is_found() =>
        Assert.Contains(7, Find(story => story.Change(0, row => row with { Ended = null, Reason = null })));

    [Fact]
    public void A_usage_that_nobody_released_is_found() =>
        Assert.Contains(7, Find(story => story.ChangeEverywhere(0, row => row with { Reason = "released", Ended = At(2) })));

    [Fact]
    public void A_usage_that_nobody_cleared_yet_is_found() =>
        Assert.Contains(7, Find(story => story.ChangeEverywhere(0, row => row with { Reason = "cleared", Ended = At(2) })));

    [Fact]
    public void A_usage_that_was_cleared_when_nobody_cleared_any_more_is_found() =>
        Assert.Contains(7, Find(story => story.Use(TokenB, User(7), fence: 3, from: 8, to: 9, "cleared")));

    [Fact]
    public void A_usage_that_was_released_before_anybody_asked_for_it_is_found() =>
        Assert.Contains(7, Find(story => story.ChangeEverywhere(1, row => row with { Ended = At(1.7) })));

    [Fact]
    public void A_usage_whose_end_is_in_the_journal_twice_is_found() =>
        Assert.Contains(7, Find(story => story.Journal.Add(story.Journal[1] with { SequenceNumber = 99 })));

    [Fact]
    public void A_journal_that_misses_an_end_is_found() =>
        Assert.Contains(8, Find(story => story.Journal.RemoveAt(1)));

    [Fact]
    public void A_journal_with_a_gap_is_found() => Assert.Contains(8, Find(story =>
        story.Journal[^1] = story.Journal[^1] with { SequenceNumber = story.Journal[^1].SequenceNumber + 1 }));

    [Fact]
    public void A_node_that_shows_what_is_over_is_found() => Assert.Contains(8, Find(story =>
    {
        var free = story.Nodes[0].List;
        var row = story.Rows[0];
        story.Nodes.Add(new QuietNode(1, [new Listed(TokenA, row.UserId, row.Started, row.Expires), free[1]], free));
    }));

    [Fact]
    public void A_node_that_lists_too_few_tokens_is_found() =>
        Assert.Contains(8, Find(story => story.Nodes.Add(new QuietNode(1, [story.Nodes[0].List[0]], story.Nodes[0].Details))));

    [Fact]
    public void A_node_that_does_not_show_what_is_lent_is_found() =>
        Assert.Contains(8, Find(story => story.Lent = new LentPool([Listed(story.Rows[4])], [story.Nodes[0]])));

    [Fact]
    public void Two_open_usages_of_a_token_at_the_end_are_found() => Assert.Contains(8, Find(story =>
    {
        story.Change(0, row => row with { Ended = null, Reason = null });
        story.Change(3, row => row with { Ended = null, Reason = null });
    }));

    [Fact]
    public void A_read_that_shows_a_running_usage_as_over_after_it_was_shown_is_found() => Assert.Contains(9, Find(story =>
    {
        story.Read(4.7, 4.75, TokenA, story.Rows[3]);
        story.Read(4.8, 4.9, TokenA, null);
    }));

    [Fact]
    public void A_read_that_does_not_show_what_began_long_ago_is_found() => Assert.Contains(9, Find(story =>
    {
        story.Use(TokenB, User(7), fence: 3, from: 40, to: 45, "expired");
        story.Read(43.5, 43.6, TokenB, null);
    }));

    [Fact]
    public void A_read_that_shows_what_ended_long_ago_is_found() => Assert.Contains(9, Find(story =>
    {
        story.Use(TokenB, User(7), fence: 3, from: 40, to: 42, "expired");
        story.Read(45.5, 45.6, TokenB, story.Rows[^1]);
    }));

    [Fact]
    public void A_read_that_is_behind_while_tokens_move_is_no_violation() => Assert.DoesNotContain(9, Find(story =>
    {
        story.Faults.Add(new Fault("kill-one", "node 1", Effect.Failover, 44 * Second, 45 * Second, 46 * Second));
        story.Use(TokenB, User(7), fence: 3, from: 40, to: 42, "expired");
        story.Read(45.5, 45.6, TokenB, story.Rows[^1]);
    }));

    [Fact]
    public void A_read_that_goes_back_to_an_earlier_usage_is_found() => Assert.Contains(9, Find(story =>
    {
        story.Read(4.7, 4.75, TokenA, story.Rows[3]);
        story.Read(4.8, 4.9, TokenA, story.Rows[0]);
    }));

    [Fact]
    public void A_read_that_shows_a_usage_again_after_it_had_been_shown_as_over_is_found() => Assert.Contains(9, Find(story =>
    {
        story.Read(3.1, 3.2, TokenA, null);
        story.Read(3.3, 3.4, TokenA, story.Rows[0]);
    }));

    [Fact]
    public void A_node_that_does_not_show_the_activation_that_it_answered_is_found() => Assert.Contains(9, Find(story =>
    {
        story.Read(1.6, 1.65, TokenA, story.Rows[0]);
        story.Read(4.7, 4.8, TokenA, story.Rows[0]);
    }));

    [Fact]
    public void Reads_at_the_same_time_may_show_either() => Assert.DoesNotContain(9, Find(story =>
    {
        story.Read(3.1, 3.3, TokenA, null);
        story.Read(3.05, 3.4, TokenA, story.Rows[0]);
    }));

    [Fact]
    public void A_user_who_is_locked_out_is_found() => Assert.Contains(10, Find(story => story.Activate(
        21.2, 21.3, User(2), story.Rows[1] with { UsageId = User(97) }, new Answer.Refused("user_already_active"), isAfterwards: true)));

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void A_clear_that_miscounts_is_found(int count) => Assert.Contains(11, Find(story =>
    {
        var clear = story.Operations.FindIndex(operation => operation.Kind is Kind.Clear);
        story.Operations[clear] = story.Operations[clear] with { Answer = new Answer.Cleared(count) };
    }));

    [Fact]
    public void A_clear_beside_one_without_an_answer_may_count_less() => Assert.DoesNotContain(11, Find(story =>
    {
        var clear = story.Operations.FindIndex(operation => operation.Kind is Kind.Clear);
        story.Operations[clear] = story.Operations[clear] with { Answer = new Answer.Cleared(0) };
        story.Add(4.5, 4.6, Kind.Clear, new Answer.Nothing());
    }));

    [Fact]
    public void A_clear_that_counts_too_little_long_after_one_without_an_answer_is_found() => Assert.Contains(11, Find(story =>
    {
        story.Add(4.5, 4.6, Kind.Clear, new Answer.Nothing());
        story.Use(TokenB, User(7), fence: 3, from: 40, to: 40.5, "cleared");
        story.Add(40.4, 40.6, Kind.Clear, new Answer.Cleared(0));
    }));

    [Fact]
    public void A_history_that_makes_no_sense_to_a_check_is_a_violation() =>
        Assert.Contains(4, Find(story => story.Rows.Add(story.Rows[0])));

    [Fact]
    public void A_time_without_a_fault_and_without_a_grant_is_found()
    {
        var story = Good();
        Assert.Empty(Progress.Missing(story.Evidence with { Faults = [] }));
        story.Read(14, 14.1, TokenA, null);
        Assert.Single(Progress.Missing(story.Evidence));
    }

    [Fact]
    public void A_pool_that_does_not_add_up_is_found() =>
        Assert.Contains(12, Find(story => story.Add(7, 7.1, Kind.Pool, new Answer.Figures(PoolSize, 0, 1, 0, 0))));

    [Fact]
    public void A_pool_that_has_something_under_way_at_rest_is_found() =>
        Assert.Contains(12, Find(story => story.Add(21.5, 21.6, Kind.Pool, new Answer.Figures(PoolSize, PoolSize, 0, 0, 1), isAfterwards: true)));

    private static IReadOnlyList<int> Find(Action<Story> change)
    {
        var story = Good();
        change(story);
        return [.. Check.All.Where(check => check.FindAll(story.Evidence).Count > 0).Select(check => check.Number)];
    }

    private static Listed Listed(Row row) => new(row.TokenId, row.UserId, row.Started, row.Expires);

    private static Row Lost(Guid token, Guid user, double from) =>
        new(User(96), token, user, 9, At(from), At(from) + Lease, null, null);
}
