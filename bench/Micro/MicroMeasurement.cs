using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using TokenManager.Bench.Reporting;
using TokenManager.Testing;

namespace TokenManager.Bench.Micro;

/// <summary>What single steps cost, without I/O and without actors.</summary>
internal sealed class MicroMeasurement : Measurement
{
    private const double Microsecond = 1000;

    private static readonly Type[] Benchmarks =
    [
        typeof(CacheBenchmarks),
        typeof(TokenDeciderBenchmarks),
        typeof(PoolDeciderBenchmarks),
        typeof(SerializerBenchmarks),
    ];

    public override string Name => "micro";

    public override string What => "cache, deciders and serializer under BenchmarkDotNet, with allocation";

    public override async Task MeasureAsync(Stage stage, Section section)
    {
        section.Method =
            "BenchmarkDotNet with its memory diagnoser, in this process: the project that it would generate and build for each "
            + "benchmark does not fit the locked and centrally versioned packages of this repository. Median, least and most are over its iterations.";

        using var folder = new TemporaryFolder();
        var config = ManualConfig.CreateEmpty()
            .AddJob((stage.Extent == Extent.Short ? Job.ShortRun : Job.Default).WithToolchain(InProcessEmitToolchain.Instance))
            .AddDiagnoser(MemoryDiagnoser.Default)
            .AddColumnProvider(DefaultColumnProviders.Instance)
            .AddLogger(NullLogger.Instance)
            .WithArtifactsPath(folder.File("artifacts"));
        foreach (var type in Benchmarks)
        {
            stage.Stop.ThrowIfCancellationRequested();
            var summary = await Task.Run(() => BenchmarkRunner.Run(type, config));
            if (summary.HasCriticalValidationErrors || summary.Reports.Any(report => !report.Success))
                throw new InvalidOperationException($"{type.Name} failed: {string.Join("; ", summary.ValidationErrors.Select(error => error.Message))}");
            foreach (var report in summary.Reports) Add(stage, section, report);
        }
    }

    private static void Add(Stage stage, Section section, BenchmarkReport report)
    {
        var benchmark = report.BenchmarkCase;
        var name = $"{benchmark.Descriptor.Type.Name.Replace("Benchmarks", "", StringComparison.Ordinal)}.{benchmark.Descriptor.WorkloadMethod.Name}"
            + (benchmark.HasParameters ? $", {benchmark.Parameters.DisplayInfo.Trim('[', ']')}" : "");
        var time = section.Add(name, "ns", report.ResultStatistics!.OriginalValues);
        var allocated = report.GcStats.GetBytesAllocatedPerOperation(benchmark) ?? 0;
        var bytes = section.Add($"{name}, allocated", "bytes", allocated);
        stage.Say(Invariant($"micro: {name}: {time.Median:0.0} ns, {allocated} bytes"));
        if (benchmark.Descriptor.Type != typeof(CacheBenchmarks)) return;

        section.AtMost(time, Microsecond);
        section.AtMost(bytes, 0);
    }
}
