using TokenManager.Actors.Pool;

namespace TokenManager.Actors.Tests.Pool;

public sealed class PoolTickTests : PoolFixture
{
    [Fact]
    public void A_tick_with_nothing_to_do_allocates_nothing_however_much_is_under_way()
    {
        Pool = new PoolDecider(new PoolSettings { Size = 500 });
        Load(500);
        Lend(1, 2, 3);
        Assert.Equal(0, AllocatedByTicks());
        for (var usage = 10; usage < 400; usage++)
            Activate(usage);
        Release(0, 1);
        Release(1, 2);
        Take();
        Assert.Equal(0, AllocatedByTicks());
        Assert.Equal((107, 3, 390, 392), Books());
    }

    private long AllocatedByTicks()
    {
        // The first one makes what is kept.
        Pool.Tick(Now);
        Take();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            Pool.Tick(Now);
            Take();
        }

        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
