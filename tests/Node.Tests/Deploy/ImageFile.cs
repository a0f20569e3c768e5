using System.Text.RegularExpressions;

namespace TokenManager.Node.Tests.Deploy;

/// <summary>The Dockerfile, instruction by instruction.</summary>
internal sealed partial class ImageFile
{
    public const string FileName = "src/Node/Dockerfile";

    private ImageFile(IReadOnlyList<Instruction> instructions) => Instructions = instructions;

    public static ImageFile Node { get; } = Parse(Repository.Read(FileName));

    public IReadOnlyList<Instruction> Instructions { get; }

    /// <summary>The stages that an image is built in; the last one is what runs.</summary>
    public IReadOnlyList<IReadOnlyList<Instruction>> Stages
    {
        get
        {
            int[] starts = [.. Instructions.Index().Where(one => one.Item.Word == "FROM").Select(one => one.Index)];
            return [.. starts.Zip([.. starts[1..], Instructions.Count], (from, to) => Instructions.Take(from..to).ToArray())];
        }
    }

    /// <summary>The environment that the image gives to its process, other than what its base image says.</summary>
    public IReadOnlyDictionary<string, string> Environment => Stages[^1]
        .Where(instruction => instruction.Word == "ENV")
        .Select(instruction => instruction.Arguments.Split('=', 2))
        .ToDictionary(pair => pair[0], pair => pair[1]);

    private static ImageFile Parse(string text) => new(
    [
        .. Continuation().Replace(text, " ").Split('\n')
            .Where(line => line.Length > 0 && !line.StartsWith('#'))
            .Select(line => line.Split(' ', 2))
            .Select(words => new Instruction(words[0], words[1])),
    ]);

    [GeneratedRegex(@"\\\n\s*")]
    private static partial Regex Continuation();

    /// <summary>One instruction.</summary>
    internal sealed record Instruction(string Word, string Arguments)
    {
        /// <summary>What a COPY takes from the build's context.</summary>
        public IEnumerable<string> Sources => Word == "COPY" && !Arguments.StartsWith("--from", StringComparison.Ordinal)
            ? Arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)[..^1]
            : [];
    }
}
