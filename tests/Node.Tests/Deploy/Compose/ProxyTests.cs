using System.Net;
using TokenManager.Testing;

namespace TokenManager.Node.Tests.Deploy.Compose;

/// <summary>What HAProxy does with requests, by the configuration in the repository.</summary>
public sealed class ProxyTests : IAsyncLifetime
{
    // As long as a node goes on serving after it has said that it is leaving.
    private static readonly TimeSpan Drain = TimeSpan.FromSeconds(3);

    private Backend[] _nodes = [];
    private Proxy _proxy = null!;

    public async Task InitializeAsync()
    {
        _nodes = await Task.WhenAll(Backend.StartAsync(), Backend.StartAsync(), Backend.StartAsync());
        _proxy = await Proxy.StartAsync(_nodes);
    }

    public async Task DisposeAsync()
    {
        await _proxy.DisposeAsync();
        foreach (var node in _nodes) await node.DisposeAsync();
    }

    [Fact]
    public async Task A_node_that_is_leaving_gets_nothing_more_while_it_still_serves()
    {
        _nodes[0].IsReady = false;

        await Eventually.Async(async () => await CountAsync(_nodes[0]) == 0, Drain);
    }

    [Fact]
    public async Task A_node_that_is_gone_costs_no_request()
    {
        await _nodes[0].StopAsync();

        var answers = await PostAsync(100);

        Assert.All(answers, status => Assert.Equal(HttpStatusCode.OK, status));
    }

    [Fact]
    public async Task Nodes_of_which_none_is_ready_still_say_themselves_what_they_can_do()
    {
        foreach (var node in _nodes) node.IsReady = false;
        var start = TimeProvider.System.GetTimestamp();

        while (TimeProvider.System.GetElapsedTime(start) < Drain)
            Assert.All(await PostAsync(3), status => Assert.Equal(HttpStatusCode.OK, status));

        await _nodes[0].StopAsync();
        Assert.All(await PostAsync(20), status => Assert.Equal(HttpStatusCode.OK, status));
    }

    [Fact]
    public async Task A_request_that_a_node_got_is_sent_to_no_other_node()
    {
        foreach (var node in _nodes) node.CutsOff = true;
        var before = _nodes.Sum(node => node.Requests);

        // HAProxy answers 502 to the first request of a connection, and closes the connection on a later one.
        for (var time = 0; time < 10; time++)
        {
            var failure = await Record.ExceptionAsync(async () =>
            {
                using var answer = await _proxy.PostAsync();
                Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
            });
            Assert.True(failure is null or HttpRequestException, $"{failure}");
        }

        Assert.Equal(before + 10, _nodes.Sum(node => node.Requests));
    }

    [Fact]
    public async Task A_node_that_is_ready_again_gets_requests_again()
    {
        _nodes[0].IsReady = false;
        await Eventually.Async(async () => await CountAsync(_nodes[0]) == 0, TimeSpan.FromSeconds(10));

        _nodes[0].IsReady = true;

        await Eventually.Async(async () => await CountAsync(_nodes[0]) > 0, TimeSpan.FromSeconds(10));
    }

    private async Task<int> CountAsync(Backend node)
    {
        var before = node.Requests;
        await PostAsync(6);
        return node.Requests - before;
    }

    private async Task<IReadOnlyList<HttpStatusCode>> PostAsync(int times)
    {
        var answers = new List<HttpStatusCode>();
        for (var time = 0; time < times; time++)
        {
            using var answer = await _proxy.PostAsync();
            answers.Add(answer.StatusCode);
        }

        return answers;
    }
}
