using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using TokenManager.Bench.Reads;

namespace TokenManager.Bench.Peers;

/// <summary>The least that Kestrel does for an answer: no routing, no middleware, nothing made for a request.</summary>
internal static class FloorPeer
{
    public static Task RunAsync(string file)
    {
        Constant[] constants =
        [
            .. JsonSerializer.Deserialize<CapturedAnswer[]>(File.ReadAllText(file))!.Select(answer => new Constant(answer)),
        ];
        var app = PeerServer.NewBuilder().Build();
        app.Run(context =>
        {
            foreach (var constant in constants)
            {
                if (constant.Fits(context.Request)) return constant.WriteAsync(context.Response);
            }

            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        });
        return PeerServer.RunAsync(app);
    }

    private sealed class Constant(CapturedAnswer answer)
    {
        private readonly StringValues _ifNoneMatch = answer.IfNoneMatch;
        private readonly KeyValuePair<string, StringValues>[] _others =
            [.. answer.Headers.Where(header => !IsTyped(header.Key)).Select(header => KeyValuePair.Create(header.Key, new StringValues(header.Value)))];

        private readonly StringValues _contentType = Header(answer, "Content-Type");
        private readonly StringValues _cacheControl = Header(answer, "Cache-Control");
        private readonly StringValues _eTag = Header(answer, "ETag");
        private readonly StringValues _noSniff = Header(answer, "X-Content-Type-Options");

        public bool Fits(HttpRequest request) =>
            request.Path.Value == answer.Path && request.Headers.IfNoneMatch == _ifNoneMatch;

        public Task WriteAsync(HttpResponse response)
        {
            response.StatusCode = answer.Status;
            var headers = response.Headers;
            headers.ContentType = _contentType;
            headers.CacheControl = _cacheControl;
            headers.ETag = _eTag;
            headers.XContentTypeOptions = _noSniff;
            foreach (var (name, value) in _others) headers[name] = value;
            if (answer.Status == StatusCodes.Status304NotModified) return Task.CompletedTask;

            headers.ContentLength = answer.Body.Length;
            return response.BodyWriter.WriteAsync(answer.Body).AsTask();
        }

        // These have a place of their own in Kestrel; the others cost a look-up.
        private static bool IsTyped(string name) => name is "Content-Type" or "Cache-Control" or "ETag" or "X-Content-Type-Options";

        private static StringValues Header(CapturedAnswer answer, string name) => answer.Headers.GetValueOrDefault(name);
    }
}
