using TokenManager.Actors.Formation;

namespace TokenManager.Actors.Tests.Formation;

public sealed class ClusterRegistryTests : ClusterTables
{
    private const string A = "akka.tcp://token-manager@a:4053";
    private const string B = "akka.tcp://token-manager@b:4053";
    private const string C = "akka.tcp://token-manager@c:4053";

    private ClusterRegistry Registry => new(Database);

    [Fact]
    public async Task A_fresh_database_has_no_cluster()
    {
        var view = await Registry.ReadAsync(A, default);

        Assert.Equal((0, false), (view.Epoch, view.IsAlive));
        Assert.Empty(view.Others);
    }

    [Fact]
    public async Task Of_many_that_would_form_a_cluster_at_once_exactly_one_does()
    {
        for (var epoch = 0; epoch < 20; epoch++)
        {
            var tries = await Task.WhenAll(Enumerable.Range(0, 8).Select(
                i => Registry.TryFormAsync($"akka.tcp://token-manager@n{i}:4053", i, epoch, default)));

            Assert.Equal(epoch + 1, Assert.Single(tries, formed => formed is not null));
            await LetEverybodyFallSilentAsync();
        }
    }

    [Fact]
    public async Task Who_forms_the_cluster_is_seen_and_waited_for_until_it_has_joined()
    {
        var epoch = (await Registry.TryFormAsync(A, 1, 0, default))!.Value;
        Assert.Equal(new RegisteredNode(A, IsAlive: true, HasJoined: false), Assert.Single((await Registry.ReadAsync(B, default)).Others));
        Assert.Null(await Registry.TryFormAsync(B, 2, epoch, default));

        Assert.True(await Registry.ConfirmAsync(A, 1, epoch, default));

        Assert.Equal(new RegisteredNode(A, IsAlive: true, HasJoined: true), Assert.Single((await Registry.ReadAsync(B, default)).Others));
        Assert.Empty((await Registry.ReadAsync(A, default)).Others);
    }

    [Fact]
    public async Task While_a_member_lives_nobody_forms_another_cluster()
    {
        var epoch = await FormAsync(A, 1);
        await LetInAsync(B, 2, by: 1);

        Assert.Null(await Registry.TryFormAsync(C, 3, epoch, default));
        Assert.Null(await Registry.TryFormAsync(A, 4, epoch, default));
    }

    [Fact]
    public async Task A_node_that_comes_back_to_its_address_alone_forms_the_next_cluster_at_once()
    {
        var epoch = await FormAsync(A, 1);

        Assert.Equal(epoch + 1, await Registry.TryFormAsync(A, 2, epoch, default));
        Assert.Null(await Registry.RenewAsync(A, 1, epoch, default));
    }

    [Fact]
    public async Task A_sign_of_life_keeps_node_and_cluster_alive()
    {
        var epoch = await FormAsync(A, 1);
        await LetEverybodyFallSilentAsync();

        Assert.NotNull(await Registry.RenewAsync(A, 1, epoch, default));

        var view = await Registry.ReadAsync(B, default);
        Assert.True(view.IsAlive);
        Assert.True(Assert.Single(view.Others).IsAlive);
    }

    [Fact]
    public async Task A_member_of_a_cluster_that_was_replaced_is_out_and_cannot_come_back_in()
    {
        var epoch = await FormAsync(A, 1);
        await LetEverybodyFallSilentAsync();
        Assert.Equal(epoch + 1, await Registry.TryFormAsync(B, 2, epoch, default));

        Assert.Null(await Registry.RenewAsync(A, 1, epoch, default));
        Assert.False(await Registry.ConfirmAsync(A, 1, epoch, default));
        Assert.Null(await Registry.TryFormAsync(A, 1, epoch, default));
    }

    [Fact]
    public async Task A_node_that_was_taken_out_is_out_and_the_one_that_follows_it_at_its_address_is_not()
    {
        var epoch = await FormAsync(A, 1);
        await LetInAsync(B, 2, by: 1);

        await Registry.RemoveAsync(B, 2, default);
        Assert.Null(await Registry.RenewAsync(B, 2, epoch, default));

        await LetInAsync(B, 3, by: 1);
        await Registry.RemoveAsync(B, 2, default);
        Assert.NotNull(await Registry.RenewAsync(B, 3, epoch, default));
    }

    [Fact]
    public async Task Of_two_that_take_each_other_out_neither_stays_unnoticed()
    {
        var epoch = await FormAsync(A, 1);
        await LetInAsync(B, 2, by: 1);

        await Task.WhenAll(Registry.RemoveAsync(B, 2, default), Registry.RemoveAsync(A, 1, default));

        Assert.Null(await Registry.RenewAsync(A, 1, epoch, default));
        Assert.Null(await Registry.RenewAsync(B, 2, epoch, default));
    }

    [Fact]
    public async Task Nodes_of_older_clusters_are_not_shown()
    {
        var epoch = await FormAsync(A, 1);
        await LetInAsync(B, 2, by: 1);
        await LetEverybodyFallSilentAsync();
        await Registry.TryFormAsync(C, 3, epoch, default);

        Assert.Equal([C], (await Registry.ReadAsync(B, default)).Others.Select(other => other.Address));
    }

    [Fact]
    public async Task Who_asks_to_be_let_in_is_known_and_asked_by_nobody_and_keeps_no_cluster_alive()
    {
        var epoch = await FormAsync(A, 1);
        await Registry.AnnounceAsync(B, 2, default);
        await LetEverybodyFallSilentAsync();

        Assert.Equal((epoch, true), await Registry.FollowAsync(B, 2, [1], default));

        var view = await Registry.ReadAsync(C, default);
        Assert.False(view.IsAlive);
        Assert.Contains(new RegisteredNode(B, IsAlive: true, HasJoined: false), view.Others);
        Assert.Equal(epoch + 1, await Registry.TryFormAsync(C, 3, epoch, default));
    }

    [Fact]
    public async Task Who_was_taken_out_before_it_was_in_never_comes_in()
    {
        var epoch = await FormAsync(A, 1);
        await Registry.AnnounceAsync(B, 2, default);

        await Registry.RemoveAsync(B, 2, default);

        Assert.Null(await Registry.FollowAsync(B, 2, [1], default));
        Assert.False(await Registry.ConfirmAsync(B, 2, epoch, default));
    }

    [Fact]
    public async Task Who_was_let_in_by_a_cluster_that_was_replaced_is_vouched_for_by_nobody()
    {
        var epoch = await FormAsync(A, 1);
        await Registry.AnnounceAsync(B, 2, default);
        Assert.Equal((epoch, true), await Registry.FollowAsync(B, 2, [1], default));
        // The one member is killed and starts again.
        await LetEverybodyFallSilentAsync();
        Assert.Equal(epoch + 1, await Registry.TryFormAsync(A, 3, epoch, default));

        Assert.False(await Registry.ConfirmAsync(B, 2, epoch, default));
        Assert.Equal((epoch + 1, false), await Registry.FollowAsync(B, 2, [1], default));
        Assert.True(await Registry.ConfirmAsync(A, 3, epoch + 1, default));
        Assert.Equal((epoch + 1, false), await Registry.FollowAsync(B, 2, [1, 2], default));
        Assert.Equal((epoch + 1, true), await Registry.FollowAsync(B, 2, [3], default));
    }

    [Fact]
    public async Task A_node_that_starts_again_at_its_address_puts_out_the_one_before()
    {
        await FormAsync(A, 1);
        await LetInAsync(B, 2, by: 1);

        await Registry.AnnounceAsync(B, 3, default);

        Assert.Null(await Registry.RenewAsync(B, 2, 1, default));
        Assert.Null(await Registry.FollowAsync(B, 2, [1], default));
        Assert.NotNull(await Registry.FollowAsync(B, 3, [1], default));
    }

    [Fact]
    public async Task Who_gives_a_sign_of_life_hears_who_else_has_given_none()
    {
        var epoch = await FormAsync(A, 1);
        await LetInAsync(B, 2, by: 1);
        await Registry.AnnounceAsync(C, 3, default);
        Assert.Empty((await Registry.RenewAsync(A, 1, epoch, default))!);

        await LetEverybodyFallSilentAsync();
        Assert.Equal(
            [new SilentNode(B, 2), new SilentNode(C, 3)],
            (await Registry.RenewAsync(A, 1, epoch, default))!.OrderBy(node => node.Address));

        await Registry.RenewAsync(B, 2, epoch, default);
        Assert.Equal([new SilentNode(C, 3)], await Registry.RenewAsync(A, 1, epoch, default));
    }

    [Fact]
    public async Task A_clock_that_was_set_back_keeps_nobody_alive()
    {
        var epoch = await FormAsync(A, 1);
        await LetInAsync(B, 2, by: 1);
        await SetTheClockBackAsync();

        var view = await Registry.ReadAsync(C, default);
        Assert.False(view.IsAlive);
        Assert.All(view.Others, other => Assert.False(other.IsAlive));
        Assert.Equal([new SilentNode(B, 2)], await Registry.RenewAsync(A, 1, epoch, default));
        Assert.Null(await Registry.TryFormAsync(C, 3, epoch, default));

        await SetTheClockBackAsync();
        Assert.Equal(epoch + 1, await Registry.TryFormAsync(C, 3, epoch, default));
    }

    private async Task<long> FormAsync(string address, long uid)
    {
        var epoch = (await Registry.TryFormAsync(address, uid, (await Registry.ReadAsync(address, default)).Epoch, default))!.Value;
        Assert.True(await Registry.ConfirmAsync(address, uid, epoch, default));
        return epoch;
    }

    private async Task LetInAsync(string address, long uid, long by)
    {
        await Registry.AnnounceAsync(address, uid, default);
        var (epoch, isVouchedFor) = (await Registry.FollowAsync(address, uid, [by], default))!.Value;
        Assert.True(isVouchedFor);
        Assert.True(await Registry.ConfirmAsync(address, uid, epoch, default));
    }
}
