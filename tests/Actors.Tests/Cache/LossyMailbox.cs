using Akka.Actor;
using Akka.Configuration;
using Akka.Dispatch;
using Akka.Dispatch.MessageQueues;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Tests.Cache;

/// <summary>
/// Loses some of what comes from other actors on its way to a node's cache, as a network may. Set by configuration, so
/// that the product knows nothing of it.
/// </summary>
public sealed class LossyMailbox(Settings settings, Config config)
    : MailboxType(settings, config), IProducesMessageQueue<UnboundedMessageQueue>
{
    private static int _lost;

    private readonly double _topicLoss = config.GetDouble("topic-loss");
    private readonly double _poolLoss = config.GetDouble("pool-loss");

    public static int Lost => _lost;

    public static string ForTheCache(double topicLoss, double poolLoss) => FormattableString.Invariant(
        $$"""
        akka.actor.deployment."/token-cache".mailbox = lossy-mailbox
        lossy-mailbox {
          mailbox-type = "{{typeof(LossyMailbox).AssemblyQualifiedName}}"
          topic-loss = {{topicLoss}}
          pool-loss = {{poolLoss}}
        }
        """);

    public override IMessageQueue Create(IActorRef owner, ActorSystem system) => new LossyQueue(this);

    private bool Loses(object message) => Random.Shared.NextDouble() < message switch
    {
        TokenChanged => _topicLoss,
        PoolDigest or PoolBucket => _poolLoss,
        _ => 0,
    };

    private sealed class LossyQueue(LossyMailbox mailbox) : IMessageQueue
    {
        private readonly UnboundedMessageQueue _queue = new();

        public bool HasMessages => _queue.HasMessages;

        public int Count => _queue.Count;

        public void Enqueue(IActorRef receiver, Envelope envelope)
        {
            if (mailbox.Loses(envelope.Message))
                Interlocked.Increment(ref _lost);
            else
                _queue.Enqueue(receiver, envelope);
        }

        public bool TryDequeue(out Envelope envelope) => _queue.TryDequeue(out envelope);

        public void CleanUp(IActorRef owner, IMessageQueue deadletters) => _queue.CleanUp(owner, deadletters);
    }
}
