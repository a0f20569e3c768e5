using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using TokenManager.Cluster.Drills;
using TokenManager.Testing;

var (options, error) = Options.Read(args);
if (options is null)
{
    Console.Error.WriteLine(error);
    return 2;
}

if (options.WantsHelp)
{
    Console.WriteLine(Options.Help);
    return 0;
}

var started = Stopwatch.GetTimestamp();
using var cancellation = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Cancel);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Cancel);
await using var server = await PrivatePostgres.StartAsync();
await using var stage = new Stage(server, options.Extent, options.Logs, Say, cancellation.Token);
var report = new Report();
foreach (var drill in options.Drills)
{
    Say($"{drill.Name}: {drill.What}");
    report.Add(await stage.RunAsync(drill));
    if (cancellation.IsCancellationRequested) break;
}

Console.WriteLine($"\n{report.ToMarkdown()}");
foreach (var failure in report.Failures) Console.WriteLine(failure);
return report.IsGood ? 0 : 1;

void Say(string line) => Console.WriteLine(string.Create(
    CultureInfo.InvariantCulture, $"[{Stopwatch.GetElapsedTime(started).TotalSeconds,6:0.0} s] {line}"));

void Cancel(PosixSignalContext context)
{
    context.Cancel = true;
    cancellation.Cancel();
}
