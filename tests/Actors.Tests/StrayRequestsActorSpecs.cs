using Akka.Actor;
using Akka.Event;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using Microsoft.Extensions.Time.Testing;
using TokenManager.Actors.Tests.Model;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Tests;

/// <summary>What becomes of commands whose token ended before it came to them.</summary>
public sealed class StrayRequestsActorSpecs : TestKit
{
    private static readonly TokenCommand Command = new TokenCommand.Wake(Make.Token(1));
    private readonly FakeTimeProvider _time = new();
    private readonly TestProbe _heard;
    private readonly IActorRef _region;
    private readonly IActorRef _token;

    public StrayRequestsActorSpecs()
        : base("akka.loglevel = WARNING\nakka.stdout-loglevel = OFF")
    {
        _heard = CreateTestProbe();
        _region = Sys.ActorOf(Props.Create(() => new Level(2, _heard, TestActor)));
        _token = ExpectMsg<IActorRef>();
        var stray = Sys.ActorOf(StrayRequestsActor.Props(_region, _time));
        stray.Tell(new Identify(null), TestActor);
        ExpectMsg<ActorIdentity>();
        Watch(_token);
        Sys.Stop(_token);
        ExpectTerminated(_token);
    }

    [Fact]
    public async Task A_command_for_a_token_that_ended_is_sent_again_for_whoever_asked()
    {
        _token.Tell(Command, TestActor);
        Assert.Equal(Command with { Redeliveries = 1 }, await _heard.ExpectMsgAsync<TokenCommand>());
        Assert.Equal(TestActor, _heard.LastSender);
    }

    [Fact]
    public async Task A_command_is_not_sent_again_and_again_and_the_log_says_so_once_in_a_while()
    {
        await EventFilter.Warning(contains: $"Token {Command.TokenId} ended 4 times").ExpectAsync(1, async () =>
        {
            for (var run = 0; run < 3; run++)
            {
                _token.Tell(Command with { Redeliveries = StrayRequestsActor.MostRedeliveries - 1 }, TestActor);
                _token.Tell(await _heard.ExpectMsgAsync<TokenCommand>(), TestActor);
                await _heard.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(200));
            }
        });
        _time.Advance(TimeSpan.FromSeconds(10));
        await EventFilter.Warning(contains: $"Token {Command.TokenId} ended 4 times").ExpectAsync(
            1, () => Task.Run(() => _token.Tell(Command with { Redeliveries = StrayRequestsActor.MostRedeliveries }, TestActor)));
    }

    // To a node that cannot be reached, too: those are told to the dead letters themselves.
    [Fact]
    public async Task What_a_region_could_not_deliver_is_not_sent_to_it_again()
    {
        Sys.EventStream.Publish(new DeadLetter(Command, TestActor, _region));
        Sys.EventStream.Publish(new DeadLetter(Command, TestActor, await Shard().ResolveOne(TimeSpan.FromSeconds(3))));
        await EventFilter.Error().ExpectAsync(0, async () =>
        {
            Sys.DeadLetters.Tell(Command, TestActor);
            await _heard.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(200));
        });

        ActorSelection Shard() => Sys.ActorSelection(_token.Path.Parent);
    }

    /// <summary>A region, its shard, or its token.</summary>
    private sealed class Level : UntypedActor
    {
        private readonly IActorRef _heard;

        public Level(int below, IActorRef heard, IActorRef test)
        {
            _heard = heard;
            if (below > 0) Context.ActorOf(Props.Create(() => new Level(below - 1, heard, test)));
            else test.Tell(Self);
        }

        protected override void OnReceive(object message) => _heard.Forward(message);
    }
}
