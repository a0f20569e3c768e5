using Microsoft.Extensions.Configuration;
using Npgsql;
using TokenManager.Actors;
using TokenManager.Actors.Ledger;

namespace TokenManager.Node.Tests;

public sealed class NodeOptionsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("token-manager-").FullName;

    public static TheoryData<string, string> Allowed => new()
    {
        { "urls", "http://127.0.0.1:0" },
        { "urls", "http://*:8080;https://[::1]:8443" },
        { "ConnectionStrings:TokenManager", "Host=db;Database=tokens;Username=u;Password=p" },
        { "TokenManager:Pool:Size", "1" },
        { "TokenManager:Pool:Size", "1000000" },
        { "TokenManager:Pool:Lease", "00:00:01" },
        { "TokenManager:Pool:Lease", "1.00:00:00" },
        { "TokenManager:Pool:Lease", "00:00:01.500" },
        { "TokenManager:Pool:SweepInterval", "00:00:01" },
        { "TokenManager:Pool:SweepInterval", "01:00:00" },
        { "TokenManager:Pool:WhenExhausted", "EvictOldest" },
        { "TokenManager:Pool:WhenExhausted", "evictoldest" },
        { "TokenManager:Pool:MaxWaiting", "1" },
        { "TokenManager:Pool:MaxWaiting", "1000000" },
        { "TokenManager:Cluster:Hostname", "node-1.example" },
        { "TokenManager:Cluster:Hostname", "::1" },
        { "TokenManager:Cluster:Port", "0" },
        { "TokenManager:Cluster:Port", "65535" },
        { "TokenManager:Cluster:StableAfter", "00:00:01" },
        { "TokenManager:Cluster:StableAfter", "00:01:00" },
        { "TokenManager:Cluster:Discovery", "" },
        { "TokenManager:Cluster:Discovery", "none" },
        { "TokenManager:Shutdown:DrainDelay", "00:00:00" },
        { "TokenManager:Shutdown:DrainDelay", "00:05:00" },
        { "TokenManager:Management:Url", "" },
        { "TokenManager:Management:Url", "http://0.0.0.0:8558" },
        { "TokenManager:Pbm:Host", "0.0.0.0" },
        { "TokenManager:Pbm:Host", "::1" },
        { "TokenManager:Pbm:Port", "1" },
    };

    public static TheoryData<string, string> Refused => new()
    {
        { "urls", "localhost:4000" },
        { "urls", "ftp://localhost:4000" },
        { "urls", "http://localhost:0" },
        { "urls", "http://127.0.0.1:65536" },
        { "urls", "http://127.0.0.1:4000/path" },
        { "urls", ";" },
        { "TokenManager:DataDirectory", "" },
        { "TokenManager:Pool:Size", "abc" },
        { "TokenManager:Pool:Size", "" },
        { "TokenManager:Pool:Size", "0" },
        { "TokenManager:Pool:Size", "1000001" },
        { "TokenManager:Pool:Size", "1,000" },
        { "TokenManager:Pool:Size", " 5" },
        { "TokenManager:Pool:Lease", "120" },
        { "TokenManager:Pool:Lease", "00:00:00.999" },
        { "TokenManager:Pool:Lease", "1.00:00:00.001" },
        { "TokenManager:Pool:Lease", "24:00:00" },
        { "TokenManager:Pool:Lease", "-00:02:00" },
        { "TokenManager:Pool:SweepInterval", "00:00:00" },
        { "TokenManager:Pool:SweepInterval", "01:00:01" },
        { "TokenManager:Pool:WhenExhausted", "1" },
        { "TokenManager:Pool:WhenExhausted", "Reject,EvictOldest" },
        { "TokenManager:Pool:MaxWaiting", "0" },
        { "TokenManager:Pool:MaxWaiting", "1000001" },
        { "TokenManager:Cluster:Hostname", "" },
        { "TokenManager:Cluster:Hostname", "0.0.0.0" },
        { "TokenManager:Cluster:Hostname", "a b" },
        { "TokenManager:Cluster:Port", "-1" },
        { "TokenManager:Cluster:Port", "65536" },
        { "TokenManager:Cluster:SeedNodes", "node-1" },
        { "TokenManager:Cluster:SeedNodes", "node-1:0" },
        { "TokenManager:Cluster:SeedNodes", "node-1:4053," },
        { "TokenManager:Cluster:SeedNodes", "akka.tcp://system@node-1:4053" },
        { "TokenManager:Cluster:Discovery", "Database,Seeds" },
        { "TokenManager:Cluster:Discovery", "1" },
        { "TokenManager:Shutdown:DrainDelay", "00:05:00.001" },
        { "TokenManager:Shutdown:DrainDelay", "3" },
        { "TokenManager:Cluster:StableAfter", "00:00:00.500" },
        { "TokenManager:Cluster:StableAfter", "00:01:01" },
        { "TokenManager:Management:Url", "8558" },
        { "TokenManager:Pbm:Host", "" },
        { "TokenManager:Pbm:Host", "localhost" },
        { "TokenManager:Pbm:Port", "0" },
        { "TokenManager:Pbm:Port", "65536" },
        { "TokenManager:Management:Url", "ftp://127.0.0.1:8558" },
        { "TokenManager:Management:Url", "https://127.0.0.1:8558" },
        { "TokenManager:Management:Url", "http://127.0.0.1:8558;http://127.0.0.1:8559" },
    };

    [Fact]
    public void Without_configuration_every_default_of_the_table_holds()
    {
        var options = Valid(("TokenManager:DataDirectory", _folder));

        Assert.Equal(new PoolSettings(), options.Pool);
        Assert.Equal(new ClusterSettings() with { SeedNodes = options.Cluster.SeedNodes }, options.Cluster);
        Assert.Empty(options.Cluster.SeedNodes);
        Assert.Equal(TimeSpan.FromSeconds(3), options.DrainDelay);
        Assert.Equal(["http://localhost:4000"], options.Urls);
        Assert.Equal(new Uri("http://127.0.0.1:8558"), options.ManagementUrl);
        Assert.Equal(new Store.Sqlite(Path.Combine(_folder, "tokenmanager.db")), options.Store);
        Assert.Equal("./data", ConfigurationKeys.DataDirectory.Default);
    }

    [Theory]
    [MemberData(nameof(Allowed))]
    public void A_value_within_its_bounds_is_accepted(string key, string value) =>
        Valid((key, value), ("TokenManager:DataDirectory", _folder));

    [Theory]
    [MemberData(nameof(Refused))]
    public void A_value_that_is_not_allowed_is_refused_in_one_line_with_key_value_and_what_is(string key, string value)
    {
        var allowed = ConfigurationKeys.All.Single(one => one.Name == key).Allowed;

        Assert.Equal($"{key} is \"{value}\"; allowed is {allowed}.", Assert.Single(Invalid((key, value))));
    }

    [Fact]
    public void A_wrong_pool_size_is_refused_with_exactly_this_sentence() =>
        Assert.Equal(
            "TokenManager:Pool:Size is \"abc\"; allowed is a whole number from 1 to 1000000.",
            Assert.Single(Invalid(("TokenManager:Pool:Size", "abc"))));

    [Fact]
    public void Values_arrive_in_the_options()
    {
        var options = Valid(
            ("ConnectionStrings:TokenManager", "Host=db;Port=5433;Database=tokens"),
            ("TokenManager:Pool:Size", "7"),
            ("TokenManager:Pool:Lease", "00:00:03"),
            ("TokenManager:Pool:SweepInterval", "00:00:04"),
            ("TokenManager:Pool:WhenExhausted", "EvictOldest"),
            ("TokenManager:Pool:MaxWaiting", "9"),
            ("TokenManager:Cluster:Hostname", "node-1"),
            ("TokenManager:Cluster:Port", "4054"),
            ("TokenManager:Cluster:StableAfter", "00:00:05"),
            ("TokenManager:Management:Url", ""));

        Assert.Equal(
            new PoolSettings
            {
                Size = 7,
                Lease = TimeSpan.FromSeconds(3),
                SweepInterval = TimeSpan.FromSeconds(4),
                WhenExhausted = WhenExhausted.EvictOldest,
                MaxWaiting = 9,
            },
            options.Pool);
        Assert.Equal(("node-1", 4054, TimeSpan.FromSeconds(5)),
            (options.Cluster.Hostname, options.Cluster.Port, options.Cluster.StableAfter));
        Assert.Null(options.ManagementUrl);
        Assert.IsType<Store.Postgres>(options.Store);
    }

    [Theory]
    [InlineData("Host=db", GssEncryptionMode.Disable)]
    [InlineData("Host=db;GSS Encryption Mode=Prefer", GssEncryptionMode.Prefer)]
    [InlineData("Host=db;GssEncryptionMode=Require", GssEncryptionMode.Require)]
    public void Kerberos_and_with_it_a_name_server_is_asked_only_if_that_is_wanted(string connectionString, GssEncryptionMode expected)
    {
        var store = Assert.IsType<Store.Postgres>(Valid(("ConnectionStrings:TokenManager", connectionString)).Store);

        Assert.Equal(expected, new NpgsqlConnectionStringBuilder(store.ConnectionString).GssEncryptionMode);
    }

    [Fact]
    public void Seed_nodes_are_read_from_one_text_and_from_a_list_in_order()
    {
        var postgres = ("ConnectionStrings:TokenManager", "Host=db");
        string[] expected = ["b:4053", "[::1]:4054"];

        Assert.Equal(expected, Valid(postgres, ("TokenManager:Cluster:SeedNodes", "b:4053, [::1]:4054")).Cluster.SeedNodes);
        Assert.Equal(expected, Valid(
            postgres,
            ("TokenManager:Cluster:SeedNodes:1", "[::1]:4054"),
            ("TokenManager:Cluster:SeedNodes:0", "b:4053")).Cluster.SeedNodes);
    }

    [Theory]
    [InlineData("", "", ClusterDiscovery.Database)]
    [InlineData("", "a:1", ClusterDiscovery.Seeds)]
    [InlineData("Seeds", "a:1", ClusterDiscovery.Seeds)]
    [InlineData("database", "", ClusterDiscovery.Database)]
    [InlineData("None", "", ClusterDiscovery.None)]
    public void On_PostgreSQL_nodes_find_each_other_through_it_unless_told_otherwise(
        string discovery, string seeds, ClusterDiscovery expected) =>
        Assert.Equal(
            expected,
            Valid(
                ("ConnectionStrings:TokenManager", "Host=db"),
                ("TokenManager:Cluster:Discovery", discovery),
                ("TokenManager:Cluster:SeedNodes", seeds)).Cluster.Discovery);

    [Theory]
    [InlineData("Database", "a:1", "TokenManager:Cluster:SeedNodes is \"a:1\"; allowed is empty, because TokenManager:Cluster:Discovery is Database.")]
    [InlineData("None", "a:1", "TokenManager:Cluster:SeedNodes is \"a:1\"; allowed is empty, because TokenManager:Cluster:Discovery is None.")]
    [InlineData("Seeds", "", "TokenManager:Cluster:Discovery is \"Seeds\"; allowed is Database or None while TokenManager:Cluster:SeedNodes is empty.")]
    public void A_way_to_find_others_that_contradicts_the_seed_nodes_is_refused(string discovery, string seeds, string expected) =>
        Assert.Equal(
            expected,
            Assert.Single(Invalid(
                ("ConnectionStrings:TokenManager", "Host=db"),
                ("TokenManager:Cluster:Discovery", discovery),
                ("TokenManager:Cluster:SeedNodes", seeds))));

    [Fact]
    public void With_the_embedded_database_there_is_nobody_to_find() =>
        Assert.Equal(
            "TokenManager:Cluster:Discovery is \"Database\"; allowed is None, because SQLite serves exactly one node: for more, "
                + "set ConnectionStrings:TokenManager to a PostgreSQL database.",
            Assert.Single(Invalid(
                ("TokenManager:Cluster:Discovery", "Database"), ("TokenManager:DataDirectory", _folder))));

    [Fact]
    public void Seed_nodes_given_both_ways_are_refused() =>
        Assert.Equal(
            "TokenManager:Cluster:SeedNodes is given both as one text and as a list; allowed is one of the two.",
            Assert.Single(Invalid(
                ("TokenManager:Cluster:SeedNodes", "a:1"), ("TokenManager:Cluster:SeedNodes:0", "b:1"))));

    [Fact]
    public void Seed_nodes_with_the_embedded_database_are_refused() =>
        Assert.StartsWith(
            "TokenManager:Cluster:SeedNodes is \"a:1,b:1\"; allowed is empty, because SQLite serves exactly one node",
            Assert.Single(Invalid(
                ("TokenManager:Cluster:SeedNodes", "a:1,b:1"), ("TokenManager:DataDirectory", _folder))),
            StringComparison.Ordinal);

    [Theory]
    [InlineData("TokenManager:Pool:Sice", "TokenManager:Pool:Size")]
    [InlineData("TokenManager:PoolSize", "TokenManager:Pool:Size")]
    [InlineData("TokenManager:Cluster:SeedNode:0", "TokenManager:Cluster:SeedNodes")]
    [InlineData("TokenManager:Pool:Size:0", "TokenManager:Pool:Size")]
    [InlineData("TokenManger:Pool:Size", "TokenManager:Pool:Size")]
    [InlineData("TokenManager_Pool_Size", "TokenManager:Pool:Size")]
    [InlineData("ConnectionStrings:TokenManger", "ConnectionStrings:TokenManager")]
    [InlineData("ConnectionStrings:Default", "ConnectionStrings:TokenManager")]
    public void A_misspelt_key_is_refused_and_the_nearest_one_named(string key, string nearest) =>
        Assert.Equal($"{key} is not a known key; the nearest one is {nearest}.", Assert.Single(Invalid((key, "hunter2"))));

    [Theory]
    [InlineData("TOKEN_MANAGER_SERVICE_HOST")]
    [InlineData("TOKENMANAGER_SERVICE_HOST")]
    [InlineData("TOKEN_MANAGER_PORT_4000_TCP_PORT")]
    [InlineData("Serilog:Level")]
    [InlineData("TokenKeeper:Pool:Size")]
    public void What_is_meant_for_others_is_let_alone(string key) => Valid((key, "5"), ("TokenManager:DataDirectory", _folder));

    [Theory]
    [InlineData("Host=db;Password=hunter2;Port=abc")]
    [InlineData("Host=db;Password=hunter2;Hunter2=x")]
    [InlineData("postgres://user:hunter2@db/tokens")]
    [InlineData("Database=tokens;Password=hunter2")]
    [InlineData("   ")]
    public void A_wrong_connection_string_is_refused_and_never_printed(string text)
    {
        var error = Assert.Single(Invalid(("ConnectionStrings:TokenManager", text)));

        Assert.StartsWith("ConnectionStrings:TokenManager is not shown; allowed is ", error, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", error, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void A_password_is_in_neither_the_options_text_nor_the_start_line()
    {
        var options = Valid(("ConnectionStrings:TokenManager", "Host=db;Database=tokens;Username=u;Password=hunter2"));

        Assert.DoesNotContain("hunter2", options.ToString(), StringComparison.Ordinal);
        Assert.Equal(
            "Token Manager 0.1.0 is ready: API http://localhost:4000/api/tokens, reference http://localhost:4000/docs, "
                + "health http://localhost:4000/health/ready, management http://127.0.0.1:8558, store PostgreSQL tokens at db:5432",
            StartLine.Of("0.1.0", ["http://localhost:4000"], "http://127.0.0.1:8558", options));
        Assert.Contains(
            ", management off, ", StartLine.Of("0.1.0", ["http://localhost:4000"], management: null, options), StringComparison.Ordinal);
    }

    [Fact]
    public void A_password_in_an_address_is_not_printed() =>
        Assert.DoesNotContain(
            "hunter2",
            Assert.Single(Invalid(("TokenManager:Management:Url", "http://user:hunter2@localhost:8558"))),
            StringComparison.Ordinal);

    [Fact]
    public void A_value_of_many_lines_is_refused_in_one() =>
        Assert.DoesNotContain('\n', Assert.Single(Invalid(("TokenManager:Pool:Size", "1\n2\r\n3"))));

    [Fact]
    public void Every_problem_has_its_line() =>
        Assert.Equal(3, Invalid(
            ("TokenManager:Pool:Size", "0"), ("TokenManager:Pool:Lease", "x"), ("TokenManager:Pol:Size", "1")).Count);

    [Fact]
    public void Ports_alone_listen_on_every_address_and_urls_win_over_them()
    {
        var folder = ("TokenManager:DataDirectory", _folder);

        Assert.Equal(["http://*:8080"], Valid(folder, ("http_ports", "8080")).Urls);
        Assert.Equal(["http://localhost:5000"], Valid(folder, ("http_ports", "8080"), ("urls", "http://localhost:5000")).Urls);
    }

    [Fact]
    public void A_data_directory_is_made_if_missing()
    {
        var missing = Path.Combine(_folder, "a", "b");

        Valid(("TokenManager:DataDirectory", missing));

        Assert.Empty(Directory.EnumerateFileSystemEntries(missing));
    }

    [Fact]
    public void A_data_directory_that_cannot_be_made_is_refused()
    {
        var file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");
        var below = Path.Combine(file, "data");

        Assert.StartsWith(
            $"TokenManager:DataDirectory is \"{below}\"; allowed is a folder that exists or can be made",
            Assert.Single(Invalid(("TokenManager:DataDirectory", below))),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_is_held_by_one_guard_at_a_time()
    {
        var first = Assert.IsType<SingleNodeGuardResult.Held>(SingleNodeGuard.Acquire(_folder));

        Assert.IsType<SingleNodeGuardResult.Refused>(SingleNodeGuard.Acquire(_folder));
        first.Guard.Dispose();
        Assert.IsType<SingleNodeGuardResult.Held>(SingleNodeGuard.Acquire(_folder)).Guard.Dispose();
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static NodeOptionsResult Read((string Key, string Value)[] values) => NodeOptions.Read(
        new ConfigurationBuilder()
            .AddInMemoryCollection(values.Select(pair => KeyValuePair.Create(pair.Key, (string?)pair.Value)))
            .Build());

    private static NodeOptions Valid(params (string Key, string Value)[] values) =>
        Assert.IsType<NodeOptionsResult.Valid>(Read(values)).Options;

    private static IReadOnlyList<string> Invalid(params (string Key, string Value)[] values) =>
        Assert.IsType<NodeOptionsResult.Invalid>(Read(values)).Errors;
}
