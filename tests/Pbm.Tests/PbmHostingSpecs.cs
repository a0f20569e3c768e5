using Akka.Actor;
using Akka.Hosting;
using Microsoft.Extensions.Hosting;
using Petabridge.Cmd.Host;
using TokenManager.Node.Pbm;

namespace TokenManager.Pbm.Tests;

public sealed class PbmHostingSpecs
{
    [Fact]
    public async Task A_node_with_pbm_registers_four_palettes_where_it_is_told_to()
    {
        var builder = Host.CreateEmptyApplicationBuilder(settings: null);
        // As the node composes it.
        builder.Services.AddAkka("token-manager", (akka, services) => akka.AddPbm("127.0.0.1", 9110, services));
        using var host = builder.Build();
        await host.StartAsync();

        var pbm = PetabridgeCmd.Get(host.Services.GetRequiredService<ActorSystem>());

        Assert.Equal(("127.0.0.1", 9110), (pbm.Options!.Host, pbm.Options.Port));
        Assert.Equal(
            ["cluster", "cluster-sharding", "remote", "tokens"], pbm.Palettes.Select(palette => palette.Palette.ModuleName));
        Assert.True(PbmHosting.IsCompiledIn);
        await host.StopAsync();
    }
}
