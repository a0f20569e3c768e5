using System.Diagnostics;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Hosting;
using TokenManager.Actors.Management;

namespace TokenManager.Http.Management;

/// <summary>The cluster's part of the management API. None of it waits for the database.</summary>
internal static class ClusterEndpoints
{
    // An address has slashes of its own, and may be missing.
    private const string OneMember = "/members/{**address}";

    public static void Map(IEndpointRouteBuilder endpoints)
    {
        var cluster = endpoints.MapGroup("/cluster");

        cluster.MapGet("/members", Members);
        cluster.MapGet(OneMember, Member);
        cluster.MapPut(OneMember, ChangeMemberAsync).WithTimeLimit();
        cluster.MapDelete(OneMember, RemoveMember);
        cluster.MapGet("/shards", Shards);
        cluster.MapGet("/shards/{name}", ShardsOfTypeAsync).WithTimeLimit();
        cluster.MapGet("/domain-events", DomainEventsAsync);
    }

    private static IResult Members(IClusterManagement cluster)
    {
        var view = cluster.Read();
        return Answer.Of(
            new ClusterMembers(
                view.SelfNode,
                [.. view.Members.Select(ToContract)],
                [.. view.Unreachable.Select(node => new UnreachableMember(node, [view.SelfNode]))],
                view.Leader,
                view.Oldest),
            ClusterJson.Default.ClusterMembers);
    }

    private static IResult Member(string? address, IClusterManagement cluster) =>
        cluster.Find(Decoded(address)) is { } member
            ? Answer.Of(ToContract(member), ClusterJson.Default.ClusterMember)
            : ManagementErrors.MemberNotFound;

    private static async Task<IResult> ChangeMemberAsync(HttpContext context, string? address, IClusterManagement cluster)
    {
        var operation = await ReadOperationAsync(context.Request, context.RequestAborted);
        if ("leave".Equals(operation, StringComparison.OrdinalIgnoreCase)) return Leave(address, cluster);
        if ("down".Equals(operation, StringComparison.OrdinalIgnoreCase)) return Down(address, cluster);
        return ManagementErrors.InvalidOperation;
    }

    private static IResult RemoveMember(string? address, IClusterManagement cluster) => Leave(address, cluster);

    private static IResult Leave(string? address, IClusterManagement cluster) =>
        ToResult(cluster.Leave(Decoded(address)), "Leaving");

    private static IResult Down(string? address, IClusterManagement cluster) =>
        ToResult(cluster.Down(Decoded(address)), "Downing");

    private static IResult Shards(IClusterManagement cluster) =>
        Answer.Of(new ShardTypes(cluster.ReadShardTypes()), ClusterJson.Default.ShardTypes);

    private static async Task<IResult> ShardsOfTypeAsync(HttpContext context, string name, IClusterManagement cluster) =>
        await cluster.ReadShardsAsync(name, context.RequestAborted) switch
        {
            ShardsResult.Found found => Answer.Of(
                new ShardRegions([.. found.Shards.Select(shard => new ShardRegion(shard.ShardId, shard.Entities))]),
                ClusterJson.Default.ShardRegions),
            ShardsResult.NotFound => ManagementErrors.ShardTypeNotFound,
            ShardsResult.Unavailable => ManagementErrors.ShardsUnavailable,
            var result => throw new UnreachableException($"There is no shards result {result}."),
        };

    /// <summary>Ends when the caller goes, and when the node stops: an open stream must not hold that up.</summary>
    private static async Task DomainEventsAsync(HttpContext context, IClusterManagement cluster, IHostApplicationLifetime lifetime)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        var response = context.Response;
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        // The caller hears at once that it is heard, whatever happens in the cluster.
        await response.Body.FlushAsync(context.RequestAborted);
        await SseFormatter.WriteAsync(
            EventsAsync(cluster, end.Token),
            response.Body,
            static (item, buffer) =>
            {
                using var json = new Utf8JsonWriter(buffer);
                JsonSerializer.Serialize(json, item.Data, ClusterJson.Default.DomainEvent);
            },
            context.RequestAborted);
    }

    private static async IAsyncEnumerable<SseItem<DomainEvent>> EventsAsync(
        IClusterManagement cluster, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var change in cluster.WatchAsync(cancellationToken))
        {
            yield return new SseItem<DomainEvent>(
                new DomainEvent(change.Type, change.Member is { } member ? ToContract(member) : null, change.Leader), change.Type);
        }
    }

    private static async Task<string?> ReadOperationAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (!request.HasFormContentType) return null;
        try
        {
            var form = await request.ReadFormAsync(cancellationToken);
            return form["operation"] is [var operation] ? operation : null;
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    // Paths come decoded but for this.
    private static string Decoded(string? address) =>
        (address ?? "").Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);

    private static IResult ToResult(MemberResult result, string doing) => result switch
    {
        MemberResult.Told told => Answer.Of(
            new ManagementMessage($"{doing} {told.Member.Node}"), ClusterJson.Default.ManagementMessage),
        MemberResult.NotFound => ManagementErrors.MemberNotFound,
        _ => throw new UnreachableException($"There is no member result {result}."),
    };

    private static ClusterMember ToContract(MemberView member) =>
        new(member.Node, member.NodeUid, member.Status, member.Roles, member.AppVersion);
}
