using System.CommandLine;
using TokenManager.Faults;

// Whoever ends a run early still gets its checks, and their machine as it was.
return await Commands.Root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromMinutes(5) });
