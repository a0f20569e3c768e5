using Microsoft.Extensions.Time.Testing;
using TokenManager.Actors.Formation;

namespace TokenManager.Actors.Tests.Formation;

public sealed class SilenceWatchTests
{
    private static readonly SilentNode A = new("akka.tcp://token-manager@a:4053", 1);
    private static readonly SilentNode B = new("akka.tcp://token-manager@b:4053", 2);
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly FakeTimeProvider _time = new();
    private readonly SilenceWatch _watch;

    public SilenceWatchTests() => _watch = new SilenceWatch(_time);

    [Fact]
    public void Who_is_silent_all_the_time_is_silent_for_too_long()
    {
        Assert.Empty(SeeFor(7, A));
        Assert.Equal([A], SeeFor(2, A));
    }

    [Fact]
    public void Who_is_heard_once_has_all_the_time_again()
    {
        SeeFor(7, A, B);
        SeeFor(1, B);

        Assert.Equal([B], SeeFor(7, A, B));
    }

    [Fact]
    public void Who_comes_back_at_the_address_of_one_that_was_silent_is_another_one()
    {
        SeeFor(7, A);

        Assert.Empty(SeeFor(7, A with { Uid = 3 }));
    }

    [Fact]
    public void Nobody_is_silent_for_too_long_because_the_database_was_away()
    {
        SeeFor(7, A);
        _watch.Miss();

        Assert.Empty(SeeFor(7, A));
    }

    [Fact]
    public void Nobody_is_silent_for_too_long_because_this_node_was_frozen()
    {
        SeeFor(3, A);
        _time.Advance(TimeSpan.FromMinutes(1));

        Assert.Empty(SeeFor(7, A));
    }

    private IReadOnlyList<SilentNode> SeeFor(int seconds, params SilentNode[] silent)
    {
        IReadOnlyList<SilentNode> tooLong = [];
        for (var i = 0; i < seconds; i++)
        {
            _time.Advance(Second);
            tooLong = _watch.See(silent);
        }

        return tooLong;
    }
}
