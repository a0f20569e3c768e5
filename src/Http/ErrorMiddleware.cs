using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace TokenManager.Http;

/// <summary>
/// Gives every failure a body of the catalogue: exceptions, and statuses that were set without one. A defect is
/// logged here once and nowhere else, and never described to the caller.
/// </summary>
internal sealed class ErrorMiddleware(RequestDelegate next, ILogger<ErrorMiddleware> logger)
{
    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
            if (HasBareStatus(context.Response) && ApiErrors.OfStatus(context.Response.StatusCode) is { } error)
                await error.ExecuteAsync(context);
        }
        catch (Exception exception) when (IsGone(context, exception))
        {
            // Nobody is left to answer. Not a defect, so not an error in the log either.
            if (!context.Response.HasStarted)
                context.Response.StatusCode = StatusCodes.Status499ClientClosedRequest;
        }
        catch (BadHttpRequestException exception)
        {
            await AnswerAsync(context, ApiErrors.OfStatus(exception.StatusCode) ?? ApiErrors.MalformedRequest);
        }
#pragma warning disable CA1031 // The outermost handler: whatever comes here must become an answer.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            logger.LogError(exception, "{Method} {Route} failed.", context.Request.Method, RouteOf(context));
            await AnswerAsync(context, ApiErrors.InternalError);
        }
    }

    private static async Task AnswerAsync(HttpContext context, ApiError error)
    {
        if (context.Response.HasStarted)
        {
            // Half an answer must not look like a whole one.
            context.Abort();
            return;
        }

        context.Response.Clear();
        await error.ExecuteAsync(context);
    }

    private static bool HasBareStatus(HttpResponse response) =>
        !response.HasStarted
        && response.StatusCode >= StatusCodes.Status400BadRequest
        && response.ContentLength is null
        && response.ContentType is null;

    private static bool IsGone(HttpContext context, Exception exception) =>
        context.RequestAborted.IsCancellationRequested
        || exception is ConnectionResetException or ConnectionAbortedException;

    /// <summary>The pattern, not the path: what callers send does not belong in a log unescaped.</summary>
    private static string RouteOf(HttpContext context) =>
        (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "(no route)";
}
