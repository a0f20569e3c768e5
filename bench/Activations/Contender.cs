namespace TokenManager.Bench.Activations;

/// <summary>One way to lend tokens out.</summary>
internal abstract class Contender(string name)
{
    public string Name => name;

    /// <summary>
    /// Lends to so many callers at once, from a pool that nothing is lent of, and leaves all of it lent: so the tokens of
    /// our node stay awake between turns, and everybody's tables grow alike.
    /// </summary>
    public abstract Task<Turn> TakeTurnAsync(Stage stage, int callers);
}
