using TokenManager.Actors.Ledger;

namespace TokenManager.Actors.Tests.Ledger;

public sealed class AppVersionTests
{
    [Theory]
    [InlineData("1.9", "1.10")]
    [InlineData("0.1.0", "0.1.0.1")]
    [InlineData("9.99.999", "10")]
    [InlineData("1.0.0-rc.1", "1.0.1-beta")]
    public void Versions_are_compared_number_by_number(string older, string newer) =>
        Assert.True(
            string.CompareOrdinal(AppVersion.ToSortableKey(older), AppVersion.ToSortableKey(newer)) < 0);

    [Theory]
    [InlineData("1.2", "1.2.0.0")]
    [InlineData("1.2.3", "1.2.3+3f5c")]
    [InlineData("1.2.3", "1.2.3-rc.1+3f5c")]
    public void What_does_not_count_makes_no_difference(string one, string other) =>
        Assert.Equal(AppVersion.ToSortableKey(one), AppVersion.ToSortableKey(other));

    [Theory]
    [InlineData("")]
    [InlineData("v1")]
    [InlineData("1..2")]
    [InlineData("1.2.3.4.5")]
    [InlineData("99999999999")]
    public void What_is_no_dotted_numeric_version_is_refused(string version) =>
        Assert.Throws<ArgumentException>(() => AppVersion.ToSortableKey(version));
}
