using System.Diagnostics;
using Akka.Actor;
using Akka.Serialization;
using Google.Protobuf;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Tokens;
using static TokenManager.Actors.Serialization.WireTypes;

namespace TokenManager.Actors.Serialization;

/// <summary>
/// Writes everything of ours that crosses a node boundary or is stored, as Protocol Buffers under explicit manifests.
/// A manifest, once released, is read for ever; a changed shape gets a new version of it.
/// </summary>
internal sealed class WireSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    /// <summary>Below 40 is Akka's own.</summary>
    public override int Identifier => 4053;

    public override string Manifest(object o) => o switch
    {
        TokenEvent.TokenActivated => "token-activated/v1",
        TokenEvent.TokenReleased => "token-released/v1",
        TokenState.Available => "token-available/v1",
        TokenState.Active => "token-active/v1",
        TokenCommand.Activate => "token/activate/v1",
        TokenCommand.Release => "token/release/v1",
        TokenCommand.Wake => "token/wake/v1",
        TokenAnswer.Activated => "token/activated/v1",
        TokenAnswer.UserHolds => "token/user-holds/v1",
        TokenAnswer.UsageIdTaken => "token/usage-id-taken/v1",
        TokenAnswer.TokenInUse => "token/in-use/v1",
        TokenAnswer.Ended => "token/ended/v1",
        TokenAnswer.NotMine => "token/not-mine/v1",
        TokenAnswer.Failed => "token/failed/v1",
        TokenAnswer.Standing => "token/standing/v1",
        TokenChanged => "token-changed/v1",
        PoolRequest.ActivateToken => "pool/activate/v1",
        PoolRequest.ReleaseToken => "pool/release/v1",
        PoolRequest.ClearTokens => "pool/clear/v1",
        PoolAnswer.Granted => "pool/granted/v1",
        PoolAnswer.UserAlreadyActive => "pool/user-already-active/v1",
        PoolAnswer.Exhausted => "pool/exhausted/v1",
        PoolAnswer.UsageIdReused => "pool/usage-id-reused/v1",
        PoolAnswer.Ended => "pool/ended/v1",
        PoolAnswer.TokenNotFound => "pool/token-not-found/v1",
        PoolAnswer.UsageMismatch => "pool/usage-mismatch/v1",
        PoolAnswer.Cleared => "pool/cleared/v1",
        PoolAnswer.Unavailable => "pool/unavailable/v1",
        PoolAnswer.Moved => "pool/moved/v1",
        PoolQuery.GetDigest => "pool/get-digest/v1",
        PoolQuery.GetBucket => "pool/get-bucket/v1",
        PoolQuery.GetStatus => "pool/get-status/v1",
        PoolDigest => "pool/digest/v1",
        PoolBucket => "pool/bucket/v1",
        PoolStatus => "pool/status/v1",
        _ => throw new ArgumentException($"{o.GetType()} has no manifest.", nameof(o)),
    };

    public override byte[] ToBinary(object obj) => ToWire(obj).ToByteArray();

    public override object FromBinary(byte[] bytes, string manifest)
    {
        switch (manifest)
        {
            case "token-activated/v1":
                {
                    var m = Wire.TokenActivated.Parser.ParseFrom(bytes);
                    return new TokenEvent.TokenActivated(
                        Id(m.TokenId), Id(m.UsageId), Id(m.UserId), m.Fence, Time(m.StartedAt), Time(m.ExpiresAt));
                }

            case "token-released/v1":
                {
                    var m = Wire.TokenReleased.Parser.ParseFrom(bytes);
                    return new TokenEvent.TokenReleased(
                        Id(m.TokenId), Id(m.UsageId), m.Fence, Time(m.EndedAt), Reason(m.EndReason));
                }

            case "token-available/v1":
                return new TokenState.Available(MaybeUsage(Wire.TokenAvailable.Parser.ParseFrom(bytes).Last));
            case "token-active/v1":
                return new TokenState.Active(Usage(Wire.TokenActive.Parser.ParseFrom(bytes).Usage));

            case "token/activate/v1":
                {
                    var m = Wire.ActivateTokenCommand.Parser.ParseFrom(bytes);
                    return new TokenCommand.Activate(Id(m.TokenId), Id(m.UsageId), Id(m.UserId), Span(m.Lease))
                    {
                        NotAfter = m.HasNotAfter ? Time(m.NotAfter) : null,
                        Ask = m.Ask,
                    };
                }

            case "token/release/v1":
                {
                    var m = Wire.ReleaseTokenCommand.Parser.ParseFrom(bytes);
                    return new TokenCommand.Release(Id(m.TokenId), Id(m.UsageId), Reason(m.EndReason));
                }

            case "token/wake/v1":
                return new TokenCommand.Wake(Id(Wire.WakeTokenCommand.Parser.ParseFrom(bytes).TokenId));

            case ['t', 'o', 'k', 'e', 'n', '/', ..]:
                return TokenAnswerFrom(Wire.TokenAnswer.Parser.ParseFrom(bytes), manifest);

            case "token-changed/v1":
                {
                    var m = Wire.TokenChanged.Parser.ParseFrom(bytes);
                    return new TokenChanged(Id(m.TokenId), m.Fence, MaybeUsage(m.Current));
                }

            case "pool/activate/v1":
                {
                    var m = Wire.ActivateToken.Parser.ParseFrom(bytes);
                    return new PoolRequest.ActivateToken(Id(m.UserId), Id(m.UsageId), m.CallerChoseUsageId)
                    {
                        NotAfter = m.HasNotAfter ? Time(m.NotAfter) : null,
                    };
                }

            case "pool/release/v1":
                {
                    var m = Wire.ReleaseToken.Parser.ParseFrom(bytes);
                    return new PoolRequest.ReleaseToken(Id(m.TokenId), Id(m.UsageId))
                    {
                        NotAfter = m.HasNotAfter ? Time(m.NotAfter) : null,
                    };
                }

            case "pool/clear/v1":
                {
                    var m = Wire.ClearTokens.Parser.ParseFrom(bytes);
                    return new PoolRequest.ClearTokens { NotAfter = m.HasNotAfter ? Time(m.NotAfter) : null };
                }

            case "pool/get-digest/v1":
                return new PoolQuery.GetDigest(Wire.GetDigest.Parser.ParseFrom(bytes).Round);
            case "pool/get-bucket/v1":
                {
                    var m = Wire.GetBucket.Parser.ParseFrom(bytes);
                    return new PoolQuery.GetBucket(m.Round, m.Bucket);
                }

            case "pool/get-status/v1":
                return new PoolQuery.GetStatus();
            case "pool/digest/v1":
                {
                    var m = Wire.PoolDigest.Parser.ParseFrom(bytes);
                    return new PoolDigest(m.Round, [.. m.Buckets])
                    {
                        AsOf = Time(m.AsOf),
                        Size = m.Size,
                        SizeReadAt = Time(m.SizeReadAt),
                    };
                }

            case "pool/bucket/v1":
                {
                    var m = Wire.PoolBucket.Parser.ParseFrom(bytes);
                    return new PoolBucket(
                        m.Bucket,
                        [.. m.Tokens.Select(t => new TokenView(Id(t.TokenId), t.Ordinal, t.Fence, MaybeUsage(t.Current)))])
                    {
                        Round = m.Round,
                    };
                }

            case "pool/status/v1":
                {
                    var m = Wire.PoolStatus.Parser.ParseFrom(bytes);
                    return new PoolStatus(
                        m.Total,
                        m.Free,
                        m.Active,
                        m.Reserved,
                        m.Waiting,
                        m.HasNextRelease ? Span(m.NextRelease) : null)
                    {
                        InFlight = m.InFlight,
                        RebuiltAt = m.HasRebuiltAt ? Time(m.RebuiltAt) : null,
                        Node = m.HasNode ? m.Node : null,
                    };
                }

            case ['p', 'o', 'o', 'l', '/', ..]:
                return PoolAnswerFrom(Wire.PoolAnswer.Parser.ParseFrom(bytes), manifest);

            default:
                throw Unknown(manifest);
        }
    }

    private static TokenAnswer TokenAnswerFrom(Wire.TokenAnswer m, string manifest) => manifest switch
    {
        "token/activated/v1" => new TokenAnswer.Activated(Id(m.TokenId), Row(m.Row)),
        "token/user-holds/v1" => new TokenAnswer.UserHolds(Id(m.TokenId), Id(m.UsageId), Row(m.Row)) { Ask = m.Ask },
        "token/usage-id-taken/v1" => new TokenAnswer.UsageIdTaken(Id(m.TokenId), Id(m.UsageId), Row(m.Row)),
        "token/in-use/v1" => new TokenAnswer.TokenInUse(Id(m.TokenId), Id(m.UsageId), Row(m.Row)) { Ask = m.Ask },
        "token/ended/v1" => new TokenAnswer.Ended(Id(m.TokenId), Usage(m.Row.Usage)),
        "token/not-mine/v1" => new TokenAnswer.NotMine(Id(m.TokenId), Id(m.UsageId)),
        "token/failed/v1" => new TokenAnswer.Failed(Id(m.TokenId), Id(m.UsageId), m.OutcomeUnknown) { Ask = m.Ask },
        "token/standing/v1" => new TokenAnswer.Standing(Id(m.TokenId), m.Fence, m.Row is null ? null : Row(m.Row)),
        _ => throw Unknown(manifest),
    };

    private static PoolAnswer PoolAnswerFrom(Wire.PoolAnswer m, string manifest) => manifest switch
    {
        "pool/granted/v1" => new PoolAnswer.Granted(Usage(m.Usage)),
        "pool/user-already-active/v1" => new PoolAnswer.UserAlreadyActive(),
        "pool/exhausted/v1" => new PoolAnswer.Exhausted(Span(m.RetryAfter)),
        "pool/usage-id-reused/v1" => new PoolAnswer.UsageIdReused(),
        "pool/ended/v1" => new PoolAnswer.Ended(Usage(m.Usage)),
        "pool/token-not-found/v1" => new PoolAnswer.TokenNotFound(),
        "pool/usage-mismatch/v1" => new PoolAnswer.UsageMismatch(),
        "pool/moved/v1" => new PoolAnswer.Moved(),
        "pool/cleared/v1" => new PoolAnswer.Cleared(m.Count),
        "pool/unavailable/v1" => new PoolAnswer.Unavailable(m.OutcomeUnknown),
        _ => throw Unknown(manifest),
    };

    private static IMessage ToWire(object message) => message switch
    {
        TokenEvent.TokenActivated e => new Wire.TokenActivated
        {
            TokenId = Bytes(e.TokenId),
            UsageId = Bytes(e.UsageId),
            UserId = Bytes(e.UserId),
            Fence = e.Fence,
            StartedAt = Micros(e.StartedAt),
            ExpiresAt = Micros(e.ExpiresAt),
        },
        TokenEvent.TokenReleased e => new Wire.TokenReleased
        {
            TokenId = Bytes(e.TokenId),
            UsageId = Bytes(e.UsageId),
            Fence = e.Fence,
            EndedAt = Micros(e.EndedAt),
            EndReason = (int)e.Reason,
        },
        TokenState.Available s => new Wire.TokenAvailable { Last = MaybeUsage(s.Last) },
        TokenState.Active s => new Wire.TokenActive { Usage = Usage(s.Usage) },

        TokenCommand.Activate c => ToWire(c),
        TokenCommand.Release c => new Wire.ReleaseTokenCommand
        {
            TokenId = Bytes(c.TokenId),
            UsageId = Bytes(c.UsageId),
            EndReason = (int)c.Reason,
        },
        TokenCommand.Wake c => new Wire.WakeTokenCommand { TokenId = Bytes(c.TokenId) },

        TokenAnswer a => ToWire(a),
        TokenChanged c => new Wire.TokenChanged
        {
            TokenId = Bytes(c.TokenId),
            Fence = c.Fence,
            Current = MaybeUsage(c.Current),
        },

        PoolRequest r => ToWire(r),
        PoolQuery.GetDigest q => new Wire.GetDigest { Round = q.Round },
        PoolQuery.GetStatus => new Wire.Empty(),
        PoolAnswer a => ToWire(a),
        PoolQuery.GetBucket q => new Wire.GetBucket { Bucket = q.Bucket, Round = q.Round },
        PoolDigest d => new Wire.PoolDigest
        {
            Round = d.Round,
            Buckets = { d.Buckets },
            AsOf = Micros(d.AsOf),
            Size = d.Size,
            SizeReadAt = Micros(d.SizeReadAt),
        },
        PoolBucket b => new Wire.PoolBucket
        {
            Bucket = b.Bucket,
            Tokens = { b.Tokens.Select(View) },
            Round = b.Round,
        },
        PoolStatus s => ToWire(s),
        _ => throw new ArgumentException($"{message.GetType()} has no wire type.", nameof(message)),
    };

    private static Wire.ActivateTokenCommand ToWire(TokenCommand.Activate command)
    {
        var wire = new Wire.ActivateTokenCommand
        {
            TokenId = Bytes(command.TokenId),
            UsageId = Bytes(command.UsageId),
            UserId = Bytes(command.UserId),
            Lease = Micros(command.Lease),
            Ask = command.Ask,
        };
        if (command.NotAfter is { } notAfter)
            wire.NotAfter = Micros(notAfter);
        return wire;
    }

    private static IMessage ToWire(PoolRequest request)
    {
        switch (request)
        {
            case PoolRequest.ActivateToken r:
                {
                    var wire = new Wire.ActivateToken
                    {
                        UserId = Bytes(r.UserId),
                        UsageId = Bytes(r.UsageId),
                        CallerChoseUsageId = r.CallerChoseUsageId,
                    };
                    if (r.NotAfter is { } notAfter)
                        wire.NotAfter = Micros(notAfter);
                    return wire;
                }

            case PoolRequest.ReleaseToken r:
                {
                    var wire = new Wire.ReleaseToken { TokenId = Bytes(r.TokenId), UsageId = Bytes(r.UsageId) };
                    if (r.NotAfter is { } notAfter)
                        wire.NotAfter = Micros(notAfter);
                    return wire;
                }

            case PoolRequest.ClearTokens r:
                return r.NotAfter is { } limit ? new Wire.ClearTokens { NotAfter = Micros(limit) } : new Wire.ClearTokens();
            default:
                throw new UnreachableException($"{request}");
        }
    }

    private static Wire.TokenAnswer ToWire(TokenAnswer answer)
    {
        var wire = new Wire.TokenAnswer { TokenId = Bytes(answer.TokenId) };
        switch (answer)
        {
            case TokenAnswer.Activated a:
                wire.Row = Row(a.Row);
                break;
            case TokenAnswer.UserHolds a:
                wire.UsageId = Bytes(a.UsageId);
                wire.Row = Row(a.Other);
                wire.Ask = a.Ask;
                break;
            case TokenAnswer.UsageIdTaken a:
                wire.UsageId = Bytes(a.UsageId);
                wire.Row = Row(a.Row);
                break;
            case TokenAnswer.TokenInUse a:
                wire.UsageId = Bytes(a.UsageId);
                wire.Row = Row(a.Current);
                wire.Ask = a.Ask;
                break;
            case TokenAnswer.Ended a:
                wire.Row = new Wire.UsageRow { Usage = Usage(a.Usage) };
                break;
            case TokenAnswer.NotMine a:
                wire.UsageId = Bytes(a.UsageId);
                break;
            case TokenAnswer.Failed a:
                wire.UsageId = Bytes(a.UsageId);
                wire.OutcomeUnknown = a.OutcomeUnknown;
                wire.Ask = a.Ask;
                break;
            case TokenAnswer.Standing a:
                wire.Fence = a.Fence;
                wire.Row = a.Current is null ? null : Row(a.Current);
                break;
            default:
                throw new UnreachableException($"{answer}");
        }

        return wire;
    }

    private static Wire.PoolAnswer ToWire(PoolAnswer answer) => answer switch
    {
        PoolAnswer.Granted a => new Wire.PoolAnswer { Usage = Usage(a.Usage) },
        PoolAnswer.Exhausted a => new Wire.PoolAnswer { RetryAfter = Micros(a.RetryAfter) },
        PoolAnswer.Ended a => new Wire.PoolAnswer { Usage = Usage(a.Usage) },
        PoolAnswer.Cleared a => new Wire.PoolAnswer { Count = a.Count },
        PoolAnswer.Unavailable a => new Wire.PoolAnswer { OutcomeUnknown = a.OutcomeUnknown },
        PoolAnswer.UserAlreadyActive or PoolAnswer.UsageIdReused or PoolAnswer.TokenNotFound or PoolAnswer.UsageMismatch
            or PoolAnswer.Moved =>
            new Wire.PoolAnswer(),
        _ => throw new UnreachableException($"{answer}"),
    };

    private static Wire.PoolStatus ToWire(PoolStatus status)
    {
        var wire = new Wire.PoolStatus
        {
            Total = status.Total,
            Free = status.Free,
            Active = status.Active,
            Reserved = status.Reserved,
            Waiting = status.Waiting,
            InFlight = status.InFlight,
        };
        if (status.NextRelease is { } next)
            wire.NextRelease = Micros(next);
        if (status.RebuiltAt is { } rebuiltAt)
            wire.RebuiltAt = Micros(rebuiltAt);
        if (status.Node is { } node)
            wire.Node = node;
        return wire;
    }

    private static Wire.TokenView View(TokenView view) => new()
    {
        TokenId = Bytes(view.TokenId),
        Ordinal = view.Ordinal,
        Fence = view.Fence,
        Current = MaybeUsage(view.Current),
    };

    private static ArgumentException Unknown(string manifest) =>
        new($"Manifest '{manifest}' is unknown to this version.", nameof(manifest));
}
