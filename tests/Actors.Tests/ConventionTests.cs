using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Akka.Actor;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Serialization;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Tests;

/// <summary>What the architecture promises of the code itself, as far as it can be checked honestly.</summary>
public sealed partial class ConventionTests
{
    private static readonly Assembly Actors = typeof(IWireMessage).Assembly;
    private static readonly string Source = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "../../src"));

    [Theory]
    [InlineData("Actors", "")]
    [InlineData("Http", "Actors")]
    [InlineData("Node", "Actors Http")]
    public void Projects_point_one_way(string project, string others)
    {
        var references = ProjectReference().Matches(Read($"{project}/{project}.csproj"))
            .Select(match => Path.GetFileNameWithoutExtension(match.Groups[1].Value))
            .Order();
        Assert.Equal(others.Split(' ', StringSplitOptions.RemoveEmptyEntries), references);
    }

    [Fact]
    public void The_http_layer_knows_nothing_of_akka() =>
        Assert.DoesNotContain(
            Files("Http"), file => Read(file).Contains("Akka", StringComparison.Ordinal));

    [Fact]
    public void Only_the_gateway_the_view_of_the_cluster_and_a_node_that_goes_ask() =>
        Assert.Equal(
            ["Actors/Management/ClusterManagement.cs", "Actors/Pool/PoolDeparture.cs", "Actors/TokenGateway.cs"],
            Files("Actors").Concat(Files("Http")).Concat(Files("Node")).Where(file => Ask().IsMatch(Read(file))));

    [Fact]
    public void Actors_deciders_states_events_and_messages_are_internal_and_sealed()
    {
        var types = Actors.GetTypes().Where(type =>
            type.IsAssignableTo(typeof(ActorBase)) ||
            type.Name.EndsWith("Decider", StringComparison.Ordinal) ||
            type.IsAssignableTo(typeof(TokenEvent)) ||
            type.IsAssignableTo(typeof(TokenState)) ||
            type.IsAssignableTo(typeof(SlotState)) ||
            (type.IsAssignableTo(typeof(IWireMessage)) && type != typeof(PoolStatus) && !type.IsInterface)).ToArray();
        Assert.True(types.Length > 40);
        Assert.All(types, type =>
        {
            Assert.True(type.IsSealed || type.IsAbstract, $"{type} is neither sealed nor abstract.");
            Assert.False(type.IsVisible, $"{type} is public.");
        });
    }

    [Fact]
    public void Decisions_read_no_clock_make_no_ids_and_know_no_actor()
    {
        foreach (var file in PoolDecisions().Append("Actors/Tokens/TokenDecider.cs"))
            Assert.DoesNotMatch(@"TimeProvider|Guid\.New|Ids\.|using Akka|await |Task\b", Read(file));
    }

    [Fact]
    public void A_switch_over_what_is_known_ends_loudly_in_the_deciders_and_the_token_actor()
    {
        foreach (var file in PoolDecisions().Concat(["Actors/Tokens/TokenDecider.cs", "Actors/Tokens/TokenActor.cs"]))
        {
            Assert.All(
                DiscardArm().Matches(Read(file)), arm => Assert.StartsWith("throw new UnreachableException", arm.Groups[1].Value));
        }
    }

    private static IEnumerable<string> PoolDecisions()
    {
        var files = Files("Actors").Where(file => file.StartsWith("Actors/Pool/", StringComparison.Ordinal)).ToArray();
        Assert.Contains("Actors/Pool/PoolDecider.cs", files);
        return files.Except(["Actors/Pool/PoolDeparture.cs", "Actors/Pool/TokenPoolActor.cs"]);
    }

    private static IEnumerable<string> Files(string project) =>
        Directory.EnumerateFiles(Path.Combine(Source, project), "*.cs", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Source, path).Replace('\\', '/'))
            .Where(path => !path.Contains("/obj/", StringComparison.Ordinal) && !path.Contains("/bin/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);

    private static string Read(string file) => File.ReadAllText(Path.Combine(Source, file));

    private static string ThisFile([CallerFilePath] string path = "") => path;

    [GeneratedRegex("""<ProjectReference Include="([^"]+)""")]
    private static partial Regex ProjectReference();

    [GeneratedRegex(@"\.Ask(<[^>]*>)?\(")]
    private static partial Regex Ask();

    [GeneratedRegex(@"^\s+_ => (.*)$", RegexOptions.Multiline)]
    private static partial Regex DiscardArm();
}
