using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.Serialization;

namespace TokenManager.Node.Tests.Deploy;

/// <summary>
/// YAML as JSON, which has types: <c>4053</c> is a number and <c>"4053"</c> a text, as an API server sees it, and what is
/// neither known nor of the right type can be refused.
/// </summary>
internal static class StrictYaml
{
    private static readonly IDeserializer Yaml =
        new DeserializerBuilder().WithAttemptingUnquotedStringTypeDeserialization().WithDuplicateKeyChecking().Build();

    private static readonly ISerializer Json = new SerializerBuilder().JsonCompatible().Build();

    /// <summary>Every document of a text; merge keys (<c>&lt;&lt;</c>) are resolved.</summary>
    /// <exception cref="InvalidDataException">It is not YAML, or a key is there twice.</exception>
    public static IReadOnlyList<JsonObject> Documents(string text)
    {
        try
        {
            return Read(text);
        }
        catch (YamlException refused)
        {
            throw new InvalidDataException($"{refused.Start}: {refused.Message}", refused);
        }
    }

    private static List<JsonObject> Read(string text)
    {
        var documents = new List<JsonObject>();
        var parser = new MergingParser(new Parser(new StringReader(text)));
        parser.Consume<StreamStart>();
        while (parser.Accept<DocumentStart>(out _))
            documents.Add(JsonNode.Parse(Json.Serialize(Yaml.Deserialize<object>(parser)))!.AsObject());
        return documents;
    }
}
