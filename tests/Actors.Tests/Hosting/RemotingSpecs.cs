using Akka.Actor;
using Akka.Configuration;
using TokenManager.Actors.Hosting;
using TokenManager.Testing;

namespace TokenManager.Actors.Tests.Hosting;

public sealed class RemotingSpecs
{
    [Fact]
    public async Task A_node_that_could_not_be_reached_is_reached_again_before_it_is_given_up()
    {
        var port = FreePorts.Next();
        var giveUpAfter = new ClusterSettings().StableAfter;
        using var here = Node(0);
        var there = here.ActorSelection($"akka.tcp://token-manager@127.0.0.1:{port}/user/anybody");
        Assert.False(await AnswersAsync(there));

        using var other = Node(port);
        other.ActorOf(Props.Empty, "anybody");
        await Eventually.Async(() => AnswersAsync(there), giveUpAfter);
    }

    private static async Task<bool> AnswersAsync(ActorSelection there)
    {
        try
        {
            return (await there.Ask<ActorIdentity>(new Identify(1), TimeSpan.FromMilliseconds(300))).Subject is not null;
        }
        catch (AskTimeoutException)
        {
            return false;
        }
    }

    private static ActorSystem Node(int port) => ActorSystem.Create(
        "token-manager",
        ConfigurationFactory.ParseString(
            $$"""
            akka.actor.provider = remote
            akka.remote.dot-netty.tcp { hostname = 127.0.0.1, port = {{port}} }
            akka.loglevel = OFF
            """).WithFallback(TokenManagerHosting.ProductConfig()));
}
