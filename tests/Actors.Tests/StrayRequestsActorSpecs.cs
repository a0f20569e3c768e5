using Akka.Actor;
using Akka.Event;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using TokenManager.Actors.Tests.Model;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Tests;

/// <summary>What becomes of commands whose token ended before it came to them.</summary>
public sealed class StrayRequestsActorSpecs : TestKit
{
    private static readonly TokenCommand Command = new TokenCommand.Wake(Make.Token(1));
    private readonly TestProbe _heard;
    private readonly IActorRef _region;
    private readonly IActorRef _token;

    public StrayRequestsActorSpecs()
        : base("akka.loglevel = OFF")
    {
        _heard = CreateTestProbe();
        _region = Sys.ActorOf(Props.Create(() => new Level(2, _heard, TestActor)));
        _token = ExpectMsg<IActorRef>();
        var stray = Sys.ActorOf(StrayRequestsActor.Props(_region));
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
    public async Task A_command_is_not_sent_again_and_again()
    {
        _token.Tell(Command with { Redeliveries = TokenCommand.MostRedeliveries - 1 });
        var last = await _heard.ExpectMsgAsync<TokenCommand>();
        _token.Tell(last);
        await _heard.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(200));
    }

    [Fact]
    public async Task What_a_region_could_not_deliver_is_not_sent_to_it_again()
    {
        Sys.EventStream.Publish(new DeadLetter(Command, TestActor, _region));
        Sys.EventStream.Publish(new DeadLetter(Command, TestActor, Sys.DeadLetters));
        await _heard.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(200));
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
