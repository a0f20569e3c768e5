using System.Collections.Concurrent;

namespace TokenManager.Faults.Node;

internal sealed class ForgetsKeys
{
    private const string Header = "Idempotency-Key";

    private readonly EveryFifth _defect = new();
    private readonly ConcurrentDictionary<string, bool> _known = new(StringComparer.OrdinalIgnoreCase);

    public Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        // One that comes again to another node is new there: that is what the fifth ones are for.
        if (context.Request.Headers[Header] is [{ } key] && (!_known.TryAdd(key, true) || _defect.Strikes()))
            context.Request.Headers.Remove(Header);
        return next(context);
    }
}
