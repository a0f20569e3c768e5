using System.Text.Json;
using System.Xml.Linq;

namespace TokenManager.Node.Tests.Deploy;

/// <summary>What can be known of the Dockerfile without building it.</summary>
public sealed class ImageFileTests
{
    private static readonly IReadOnlyList<ImageFile.Instruction> Build = ImageFile.Node.Stages[0];
    private static readonly IReadOnlyList<ImageFile.Instruction> Runtime = ImageFile.Node.Stages[^1];

    [Fact]
    public void Every_source_is_in_the_repository_and_in_the_context()
    {
        string[] context = [.. Repository.Read(".dockerignore").Split('\n')
            .Where(line => line.StartsWith('!')).Select(line => line[1..].TrimEnd('/'))];

        foreach (var source in ImageFile.Node.Instructions.SelectMany(instruction => instruction.Sources))
        {
            Assert.True(Path.Exists(Repository.PathOf(source)), source);
            Assert.Contains(source.Split('/')[0], context);
        }
    }

    [Fact]
    public void Everything_that_is_let_into_the_context_is_used()
    {
        string[] sources = [.. ImageFile.Node.Instructions.SelectMany(instruction => instruction.Sources).Select(source => source.Split('/')[0])];

        foreach (var let in Repository.Read(".dockerignore").Split('\n').Where(line => line.StartsWith('!')))
            Assert.Contains(let[1..].TrimEnd('/'), sources);
    }

    [Fact]
    public void Packages_are_restored_from_nothing_but_what_names_them()
    {
        string[] projects = [.. Projects(Repository.PathOf("src/Node/Node.csproj"))];
        string[] expected =
        [
            "global.json", "Directory.Build.props", "Directory.Packages.props",
            .. projects,
            .. projects.Select(project => $"{Path.GetDirectoryName(project)}/packages.lock.json"),
        ];

        var copied = Build.TakeWhile(instruction => instruction.Word != "RUN").SelectMany(instruction => instruction.Sources);

        Assert.Equal(expected.Order(StringComparer.Ordinal), copied.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void What_the_lock_files_know_is_restored_in_locked_mode_before_anything_else_is()
    {
        string[] commands = [.. Build.Where(instruction => instruction.Word == "RUN").Select(instruction => instruction.Arguments)];

        Assert.Equal(3, commands.Length);
        Assert.Equal("dotnet restore src/Node --locked-mode", commands[0]);
        Assert.Equal("dotnet restore src/Node -p:EnablePbm=$EnablePbm", commands[1]);
        Assert.StartsWith("dotnet publish src/Node --no-restore", commands[2], StringComparison.Ordinal);
        Assert.Contains("-p:EnablePbm=$EnablePbm", commands[2], StringComparison.Ordinal);
        Assert.Contains(Build, instruction => instruction is { Word: "ARG", Arguments: "EnablePbm=true" });
    }

    [Fact]
    public void The_entry_point_is_the_node()
    {
        var assembly = typeof(NodeOptions).Assembly.GetName().Name;
        Assert.Equal($"[\"dotnet\", \"{assembly}.dll\"]", Runtime.Single(instruction => instruction.Word == "ENTRYPOINT").Arguments);
    }

    [Fact]
    public void The_ports_are_those_that_a_node_listens_on()
    {
        var options = NodeConfiguration.Options(new Dictionary<string, string> { ["ConnectionStrings__TokenManager"] = "Host=db" });
        Assert.Equal(
            string.Join(' ', [.. NodeConfiguration.HttpPorts(options), options.Cluster.Port]),
            Runtime.Single(instruction => instruction.Word == "EXPOSE").Arguments);
        Assert.Equal([4000, 4053], [.. NodeConfiguration.HttpPorts(options), options.Cluster.Port]);
    }

    [Fact]
    public void It_runs_as_the_base_images_own_user_who_is_not_root() =>
        Assert.Equal("$APP_UID", Runtime.Last(instruction => instruction.Word == "USER").Arguments);

    [Fact]
    public void Both_base_images_are_of_the_version_that_is_built_with()
    {
        using var sdk = JsonDocument.Parse(Repository.Read("global.json"));
        var version = Version.Parse(sdk.RootElement.GetProperty("sdk").GetProperty("version").GetString()!).ToString(2);

        Assert.Equal($"mcr.microsoft.com/dotnet/sdk:{version}-noble AS build", Build[0].Arguments);
        Assert.Equal($"mcr.microsoft.com/dotnet/aspnet:{version}-noble-chiseled", Runtime[0].Arguments);
    }

    private static IEnumerable<string> Projects(string project) => XDocument.Load(project)
        .Descendants("ProjectReference")
        .Select(reference => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(project)!, reference.Attribute("Include")!.Value)))
        .SelectMany(Projects)
        .Append(Path.GetRelativePath(Repository.Root, project))
        .Distinct();
}
