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

        Assert.True(await Registry.RegisterAsync(A, 1, epoch, default));

        Assert.Equal(new RegisteredNode(A, IsAlive: true, HasJoined: true), Assert.Single((await Registry.ReadAsync(B, default)).Others));
        Assert.Empty((await Registry.ReadAsync(A, default)).Others);
    }

    [Fact]
    public async Task While_a_member_lives_nobody_forms_another_cluster()
    {
        var epoch = await FormAsync(A, 1);
        Assert.True(await Registry.RegisterAsync(B, 2, epoch, default));

        Assert.Null(await Registry.TryFormAsync(C, 3, epoch, default));
        Assert.Null(await Registry.TryFormAsync(A, 4, epoch, default));
    }

    [Fact]
    public async Task A_node_that_comes_back_to_its_address_alone_forms_the_next_cluster_at_once()
    {
        var epoch = await FormAsync(A, 1);

        Assert.Equal(epoch + 1, await Registry.TryFormAsync(A, 2, epoch, default));
        Assert.False(await Registry.RenewAsync(A, 1, epoch, default));
    }

    [Fact]
    public async Task A_sign_of_life_keeps_node_and_cluster_alive()
    {
        var epoch = await FormAsync(A, 1);
        await LetEverybodyFallSilentAsync();

        Assert.True(await Registry.RenewAsync(A, 1, epoch, default));

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

        Assert.False(await Registry.RenewAsync(A, 1, epoch, default));
        Assert.False(await Registry.RegisterAsync(A, 1, epoch, default));
        Assert.Null(await Registry.TryFormAsync(A, 1, epoch, default));
    }

    [Fact]
    public async Task A_node_that_was_taken_out_is_out_and_the_one_that_follows_it_at_its_address_is_not()
    {
        var epoch = await FormAsync(A, 1);
        await Registry.RegisterAsync(B, 2, epoch, default);

        await Registry.RemoveAsync(B, 2, default);
        Assert.False(await Registry.RenewAsync(B, 2, epoch, default));

        Assert.True(await Registry.RegisterAsync(B, 3, epoch, default));
        await Registry.RemoveAsync(B, 2, default);
        Assert.True(await Registry.RenewAsync(B, 3, epoch, default));
    }

    [Fact]
    public async Task Of_two_that_take_each_other_out_neither_stays_unnoticed()
    {
        var epoch = await FormAsync(A, 1);
        await Registry.RegisterAsync(B, 2, epoch, default);

        await Task.WhenAll(Registry.RemoveAsync(B, 2, default), Registry.RemoveAsync(A, 1, default));

        Assert.False(await Registry.RenewAsync(A, 1, epoch, default));
        Assert.False(await Registry.RenewAsync(B, 2, epoch, default));
    }

    [Fact]
    public async Task Nodes_of_older_clusters_are_not_shown()
    {
        var epoch = await FormAsync(A, 1);
        await Registry.RegisterAsync(B, 2, epoch, default);
        await LetEverybodyFallSilentAsync();
        await Registry.TryFormAsync(C, 3, epoch, default);

        Assert.Equal([C], (await Registry.ReadAsync(B, default)).Others.Select(other => other.Address));
    }

    private async Task<long> FormAsync(string address, long uid)
    {
        var epoch = (await Registry.TryFormAsync(address, uid, (await Registry.ReadAsync(address, default)).Epoch, default))!.Value;
        Assert.True(await Registry.RegisterAsync(address, uid, epoch, default));
        return epoch;
    }
}
