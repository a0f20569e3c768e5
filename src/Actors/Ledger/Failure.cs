namespace TokenManager.Actors.Ledger;

/// <summary>What a failed statement says about itself.</summary>
internal enum Failure
{
    /// <summary>The statement is wrong, or what it was given is; trying again cannot help.</summary>
    Defect,

    /// <summary>The database has refused or undone it, for reasons that pass.</summary>
    NotExecuted,

    /// <summary>Nobody knows: the connection was lost, or the answer is late.</summary>
    Unknown,
}
