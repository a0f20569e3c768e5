namespace TokenManager.Actors.Management;

/// <summary>What an operator may see of the pool and do to it.</summary>
public interface ITokenManagement
{
    /// <summary>The pool's figures, or null if it does not answer within a second.</summary>
    Task<PoolStatus?> ReadStatusAsync(CancellationToken cancellationToken);

    /// <summary>One token as this node knows it; asks nobody, so that it answers without pool and database.</summary>
    TokenResult Find(Guid tokenId);

    /// <summary>Ends every running usage.</summary>
    Task<ClearResult> ClearAsync(CancellationToken cancellationToken);
}

/// <summary>The answer to a question for a token.</summary>
public abstract record TokenResult
{
    private TokenResult() { }

    /// <summary>The token.</summary>
    public sealed record Found(TokenView Token) : TokenResult;

    /// <summary>The pool has no such token.</summary>
    public sealed record NotFound : TokenResult;

    /// <summary>This node has not seen the whole pool yet.</summary>
    public sealed record NotPrimed : TokenResult;
}
