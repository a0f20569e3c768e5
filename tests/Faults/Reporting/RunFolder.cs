using System.Text.Json;

namespace TokenManager.Faults.Reporting;

/// <summary>Everything about a run, for whoever wants to understand it.</summary>
internal static class RunFolder
{
    /// <summary>Writes history, ledger, journal, the nodes' logs, the timeline, and what is wrong in as few words as there are.</summary>
    public static async Task WriteAsync(string folder, Outcome outcome)
    {
        Directory.CreateDirectory(folder);
        await WriteLinesAsync("history.jsonl", outcome.Evidence.Operations);
        await WriteLinesAsync("faults.jsonl", outcome.Evidence.Faults);
        await WriteLinesAsync("ledger.jsonl", outcome.Evidence.Rows);
        await WriteLinesAsync("journal.jsonl", outcome.Evidence.Journal);
        await WriteLinesAsync("nodes.jsonl", outcome.Evidence.Nodes);
        for (var node = 0; node < outcome.Logs.Count; node++)
            await File.WriteAllLinesAsync(Path.Combine(folder, $"node-{node}.log"), outcome.Logs[node]);
        await File.WriteAllTextAsync(Path.Combine(folder, "timeline.svg"), TimelinePicture.Draw(outcome.Evidence));
        await File.WriteAllTextAsync(Path.Combine(folder, "timeline.txt"), TimelineText.Write(outcome.Evidence));
        await File.WriteAllTextAsync(Path.Combine(folder, "summary.md"), Summary.Write(outcome));

        Task WriteLinesAsync<T>(string file, IEnumerable<T> lines) =>
            File.WriteAllLinesAsync(Path.Combine(folder, file), lines.Select(line => JsonSerializer.Serialize(line)));
    }
}
