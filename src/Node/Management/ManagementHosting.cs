namespace TokenManager.Node.Management;

/// <summary>Adds the management server to a node.</summary>
internal static class ManagementHosting
{
    /// <summary>Call it after the actors: what is served comes from them. Without an address nothing is added.</summary>
    public static IServiceCollection AddManagement(this IServiceCollection services, Uri? url) => url is null
        ? services
        : services
            .AddSingleton(provider => new ManagementServer(url, provider))
            .AddHostedService(provider => provider.GetRequiredService<ManagementServer>());
}
