using CsCheck;
using TokenManager.Actors.Ledger;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Serialization;
using TokenManager.Actors.Tests.Model;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Tests.Serialization;

public sealed class WireSerializerTests
{
    private static readonly WireSerializer Serializer = new(null!);
    private static readonly Gen<Guid> Id = Gen.Guid;
    private static readonly Gen<DateTimeOffset> Time =
        Gen.Long[0, 4_000_000_000_000_000].Select(micros => DateTimeOffset.UnixEpoch.AddTicks(micros * 10));

    private static readonly Gen<TimeSpan> Span = Gen.Long[-1_000_000_000, 1_000_000_000_000].Select(micros => new TimeSpan(micros * 10));
    private static readonly Gen<EndReason> Reason = Gen.Int[1, 4].Select(reason => (EndReason)reason);
    private static readonly Gen<UsageEnd> End = Gen.Select(Time, Reason, (at, reason) => new UsageEnd(at, reason));
    private static readonly Gen<Usage> AnyUsage = Gen.Select(
        Gen.Select(Id, Id, Id), Gen.Long, Time, Time, Maybe(End),
        (ids, fence, start, expires, end) => new Usage(ids.Item1, ids.Item2, ids.Item3, fence, start, expires, end));

    private static readonly Gen<UsageRow> Row = Gen.Select(AnyUsage, Span, (usage, remaining) => new UsageRow(usage, remaining));

    private static readonly Dictionary<Type, Gen<object>> Messages = new()
    {
        [typeof(TokenEvent.TokenActivated)] = Gen.Select(AnyUsage, Id).Select(x => (object)new TokenEvent.TokenActivated(
            x.Item2, x.Item1.UsageId, x.Item1.UserId, x.Item1.Fence, x.Item1.StartedAt, x.Item1.ExpiresAt)),
        [typeof(TokenEvent.TokenReleased)] = Gen.Select(Id, Id, Gen.Long, End).Select(x =>
            (object)new TokenEvent.TokenReleased(x.Item1, x.Item2, x.Item3, x.Item4.At, x.Item4.Reason)),
        [typeof(TokenState.Available)] = Maybe(AnyUsage).Select(x => (object)new TokenState.Available(x)),
        [typeof(TokenState.Active)] = AnyUsage.Select(x => (object)new TokenState.Active(x)),
        [typeof(TokenCommand.Activate)] = Gen.Select(Id, Id, Id, Span, Maybe(AnyUsage), Gen.Long).Select(x =>
            (object)new TokenCommand.Activate(x.Item1, x.Item2, x.Item3, x.Item4) { NotAfter = x.Item5?.StartedAt, Ask = x.Item6 }),
        [typeof(TokenCommand.Release)] = Gen.Select(Id, Id, Reason).Select(x =>
            (object)new TokenCommand.Release(x.Item1, x.Item2, x.Item3)),
        [typeof(TokenCommand.Wake)] = Id.Select(x => (object)new TokenCommand.Wake(x)),
        [typeof(TokenAnswer.Activated)] = Gen.Select(Id, Row).Select(x => (object)new TokenAnswer.Activated(x.Item1, x.Item2)),
        [typeof(TokenAnswer.UserHolds)] = Gen.Select(Id, Id, Row, Gen.Long).Select(x =>
            (object)new TokenAnswer.UserHolds(x.Item1, x.Item2, x.Item3) { Ask = x.Item4 }),
        [typeof(TokenAnswer.UsageIdTaken)] = Gen.Select(Id, Id, Row).Select(x =>
            (object)new TokenAnswer.UsageIdTaken(x.Item1, x.Item2, x.Item3)),
        [typeof(TokenAnswer.TokenInUse)] = Gen.Select(Id, Id, Row, Gen.Long).Select(x =>
            (object)new TokenAnswer.TokenInUse(x.Item1, x.Item2, x.Item3) { Ask = x.Item4 }),
        [typeof(TokenAnswer.Ended)] = Gen.Select(Id, AnyUsage).Select(x => (object)new TokenAnswer.Ended(x.Item1, x.Item2)),
        [typeof(TokenAnswer.NotMine)] = Gen.Select(Id, Id).Select(x => (object)new TokenAnswer.NotMine(x.Item1, x.Item2)),
        [typeof(TokenAnswer.Failed)] = Gen.Select(Id, Id, Gen.Bool, Gen.Long).Select(x =>
            (object)new TokenAnswer.Failed(x.Item1, x.Item2, x.Item3) { Ask = x.Item4 }),
        [typeof(TokenAnswer.Standing)] = Gen.Select(Id, Gen.Long, Maybe(Row)).Select(x =>
            (object)new TokenAnswer.Standing(x.Item1, x.Item2, x.Item3)),
        [typeof(TokenChanged)] = Gen.Select(Id, Gen.Long, Maybe(AnyUsage)).Select(x => (object)new TokenChanged(x.Item1, x.Item2, x.Item3)),
        [typeof(PoolRequest.ActivateToken)] = Gen.Select(Id, Id, Gen.Bool, Maybe(AnyUsage)).Select(x =>
            (object)new PoolRequest.ActivateToken(x.Item1, x.Item2, x.Item3) { NotAfter = x.Item4?.StartedAt }),
        [typeof(PoolRequest.ReleaseToken)] = Gen.Select(Id, Id, Maybe(AnyUsage)).Select(x =>
            (object)new PoolRequest.ReleaseToken(x.Item1, x.Item2) { NotAfter = x.Item3?.StartedAt }),
        [typeof(PoolRequest.ClearTokens)] = Maybe(AnyUsage).Select(x =>
            (object)new PoolRequest.ClearTokens { NotAfter = x?.StartedAt }),
        [typeof(PoolAnswer.Granted)] = AnyUsage.Select(x => (object)new PoolAnswer.Granted(x)),
        [typeof(PoolAnswer.UserAlreadyActive)] = Gen.Const((object)new PoolAnswer.UserAlreadyActive()),
        [typeof(PoolAnswer.Exhausted)] = Span.Select(x => (object)new PoolAnswer.Exhausted(x)),
        [typeof(PoolAnswer.UsageIdReused)] = Gen.Const((object)new PoolAnswer.UsageIdReused()),
        [typeof(PoolAnswer.Ended)] = AnyUsage.Select(x => (object)new PoolAnswer.Ended(x)),
        [typeof(PoolAnswer.TokenNotFound)] = Gen.Const((object)new PoolAnswer.TokenNotFound()),
        [typeof(PoolAnswer.Moved)] = Gen.Const((object)new PoolAnswer.Moved()),
        [typeof(PoolAnswer.UsageMismatch)] = Gen.Const((object)new PoolAnswer.UsageMismatch()),
        [typeof(PoolAnswer.Cleared)] = Gen.Int.Select(x => (object)new PoolAnswer.Cleared(x)),
        [typeof(PoolAnswer.Unavailable)] = Gen.Bool.Select(x => (object)new PoolAnswer.Unavailable(x)),
        [typeof(PoolQuery.GetDigest)] = Gen.Long.Select(x => (object)new PoolQuery.GetDigest(x)),
        [typeof(PoolQuery.GetBucket)] = Gen.Select(Gen.Long, Gen.Int).Select(x => (object)new PoolQuery.GetBucket(x.Item1, x.Item2)),
        [typeof(PoolQuery.GetStatus)] = Gen.Const((object)new PoolQuery.GetStatus()),
        [typeof(PoolDigest)] = Gen.Select(Gen.Long, Gen.ULong.Array[0, 9], Time, Gen.Int, Time).Select(x =>
            (object)new PoolDigest(x.Item1, x.Item2) { AsOf = x.Item3, Size = x.Item4, SizeReadAt = x.Item5 }),
        [typeof(PoolBucket)] = Gen.Select(
                Gen.Int,
                Gen.Select(Id, Gen.Int, Gen.Long, Maybe(AnyUsage), (id, n, fence, usage) => new TokenView(id, n, fence, usage)).Array[0, 9],
                Gen.Long)
            .Select(x => (object)new PoolBucket(x.Item1, x.Item2) { Round = x.Item3 }),
        [typeof(PoolStatus)] = Gen.Select(
            Gen.Select(Gen.Int, Gen.Int, Gen.Int), Maybe(Span.Select(span => new Boxed(span))), Maybe(AnyUsage), Maybe(Gen.String),
            (counts, next, usage, node) => (object)new PoolStatus(
                counts.Item1, counts.Item2, counts.Item3, counts.Item1, counts.Item2, next?.Span)
            {
                InFlight = counts.Item3,
                RebuiltAt = usage?.StartedAt,
                Node = node,
            }),
    };

    [Fact]
    public void Every_message_that_may_cross_a_node_is_round_tripped_here() =>
        Assert.Equal(WireMessages().Select(type => type.FullName), Messages.Keys.Select(type => type.FullName).Order());

    [Fact]
    public void Every_message_has_a_manifest_of_its_own_and_the_list_of_them_only_grows()
    {
        var manifests = WireMessages()
            .Select(type => $"{Serializer.Manifest(Sample(type))} {type.FullName!["TokenManager.Actors.".Length..]}")
            .Order(StringComparer.Ordinal)
            .ToList();
        Assert.Equal(manifests.Count, manifests.Select(line => line.Split(' ')[0]).Distinct().Count());
        Assert.Equal(Golden.Read("manifests.txt").TrimEnd().Split('\n'), manifests);
    }

    [Fact]
    public void Every_message_comes_back_as_it_was()
    {
        foreach (var (type, gen) in Messages)
        {
            gen.Sample(
                message =>
                {
                    Assert.IsType(type, message);
                    var back = Serializer.FromBinary(Serializer.ToBinary(message), Serializer.Manifest(message));
                    Assert.Equal(Comparable(message), Comparable(back));
                },
                iter: 100,
                threads: 1);
        }
    }

    public static TheoryData<string> Stored() => [.. Golden.Stored.Keys];

    [Theory]
    [MemberData(nameof(Stored))]
    public void What_was_stored_once_is_read_for_ever(string file)
    {
        var stored = Golden.Stored[file];
        var bytes = Convert.FromHexString(Golden.Read(file).Trim());
        Assert.Equal(stored, Serializer.FromBinary(bytes, Serializer.Manifest(stored)));
        Assert.Equal(Convert.ToHexStringLower(bytes), Convert.ToHexStringLower(Serializer.ToBinary(stored)));
    }

    [Fact]
    public void Every_event_and_every_snapshot_has_a_golden_file() =>
        Assert.Equal(
            WireMessages().Where(type => type.IsAssignableTo(typeof(TokenEvent)) || type.IsAssignableTo(typeof(TokenState))),
            Golden.Stored.Values.Select(stored => stored.GetType()).Distinct().OrderBy(type => type.FullName, StringComparer.Ordinal));

    /// <summary>During a roll, pool and gateway may be of different versions.</summary>
    [Fact]
    public void A_pool_status_of_a_version_that_said_less_is_read() =>
        Assert.Equal(
            new PoolStatus(3, 1, 1, 1, 1, TimeSpan.FromSeconds(115)),
            Serializer.FromBinary(Convert.FromHexString(Golden.Read("pool-status-before-node-v1.hex").Trim()), "pool/status/v1"));

    [Fact]
    public void An_ask_of_a_pool_that_set_no_limit_is_read() =>
        Assert.Equal(
            new TokenCommand.Activate(Make.Token(1), Make.Usage(2), Make.User(3), Make.Lease),
            Serializer.FromBinary(
                Convert.FromHexString(Golden.Read("token-activate-before-limit-v1.hex").Trim()), "token/activate/v1"));

    [Theory]
    [InlineData("pool-activate-before-limit-v1.hex", "pool/activate/v1")]
    [InlineData("pool-release-before-limit-v1.hex", "pool/release/v1")]
    [InlineData("pool-clear-before-limit-v1.hex", "pool/clear/v1")]
    public void A_request_of_a_gateway_that_set_no_limit_is_read(string file, string manifest)
    {
        PoolRequest read = manifest switch
        {
            "pool/activate/v1" => new PoolRequest.ActivateToken(Make.User(3), Make.Usage(2), CallerChoseUsageId: true),
            "pool/release/v1" => new PoolRequest.ReleaseToken(Make.Token(1), Make.Usage(2)),
            _ => new PoolRequest.ClearTokens(),
        };
        Assert.Equal(read, Serializer.FromBinary(Convert.FromHexString(Golden.Read(file).Trim()), manifest));
    }

    [Theory]
    [InlineData("token-activated/v2")]
    [InlineData("token/unheard-of/v1")]
    [InlineData("pool/unheard-of/v1")]
    [InlineData("")]
    public void An_unknown_manifest_is_refused(string manifest) =>
        Assert.Throws<ArgumentException>(() => Serializer.FromBinary([], manifest));

    [Fact]
    public void An_unknown_end_reason_is_refused_rather_than_guessed()
    {
        var bytes = Serializer.ToBinary(new TokenEvent.TokenReleased(Make.Token(1), Make.Usage(1), 1, Make.Start, (EndReason)9));
        Assert.Throws<InvalidDataException>(() => Serializer.FromBinary(bytes, "token-released/v1"));
    }

    private sealed record Boxed(TimeSpan Span);

    private static Gen<T?> Maybe<T>(Gen<T> gen)
        where T : class => Gen.Select(gen, Gen.Bool, (value, isMissing) => isMissing ? null : value);

    private static Type[] WireMessages() =>
        [.. typeof(IWireMessage).Assembly.GetTypes()
            .Where(type => type.IsAssignableTo(typeof(IWireMessage)) && !type.IsAbstract)
            .OrderBy(type => type.FullName, StringComparer.Ordinal)];

    private static object Sample(Type type) => Messages[type].Single();

    // Lists compare by reference in records.
    private static object Comparable(object message) => message switch
    {
        PoolDigest digest => (digest.Round, string.Join(',', digest.Buckets), digest.AsOf, digest.Size, digest.SizeReadAt),
        PoolBucket bucket => (bucket.Bucket, string.Join(',', bucket.Tokens), bucket.Round),
        _ => message,
    };
}
