using Microsoft.Extensions.Primitives;

namespace TokenManager.Http.Tests;

public sealed class EntityTagsTests
{
    [Theory]
    [InlineData("\"a\"")]
    [InlineData("W/\"a\"")]
    [InlineData("*")]
    [InlineData(" * ")]
    [InlineData("\"b\", \"a\"")]
    [InlineData("\"b\",W/\"c\" ,\tW/\"a\"")]
    [InlineData(",, \"a\",")]
    [InlineData("\"b,\", \"a\"")]
    [InlineData("\"a\", nonsense")]
    public void A_list_with_the_tag_matches(string header) => Assert.True(EntityTags.NoneMatchFails(header, "\"a\""));

    [Theory]
    [InlineData("")]
    [InlineData("a")]
    [InlineData("\"a")]
    [InlineData("\"")]
    [InlineData("\"A\"")]
    [InlineData("\"b\"")]
    [InlineData("w/\"a\"")]
    [InlineData("\"b\" \"a\"")]
    [InlineData("nonsense, \"a\"")]
    [InlineData("\"b\", *")]
    [InlineData("\"ba\"")]
    public void Anything_else_does_not(string header) => Assert.False(EntityTags.NoneMatchFails(header, "\"a\""));

    [Fact]
    public void Every_line_of_the_header_counts() =>
        Assert.True(EntityTags.NoneMatchFails(new StringValues(["\"b\"", "\"a\""]), "\"a\""));

    [Fact]
    public void No_header_matches_nothing() => Assert.False(EntityTags.NoneMatchFails(default, "\"a\""));
}
