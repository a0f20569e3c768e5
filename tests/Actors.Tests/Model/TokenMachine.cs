using System.Diagnostics;
using TokenManager.Actors.Ledger;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Tests.Model;

/// <summary>
/// A token actor without the actor: the real decisions, against a model ledger and a journal that refuses a second
/// writer. Each call of <see cref="Step"/> is one of the moments between which a process may die.
/// </summary>
internal sealed class TokenMachine
{
    private readonly Guid _tokenId;
    private readonly LedgerModel _ledger;
    private readonly List<TokenEvent> _journal;
    private TokenState _state = new TokenState.Available(Last: null);
    private int _sequence;
    private Func<TokenStep>? _next;
    private object? _waitingFor;
    private TokenCommand? _command;
    private Queue<TokenEvent> _toJournal = [];

    // What is to be journaled is in the state already.
    private bool _isDecided;

    public TokenMachine(Guid tokenId, LedgerModel ledger, List<TokenEvent> journal)
    {
        (_tokenId, _ledger, _journal) = (tokenId, ledger, journal);
        foreach (var @event in journal)
            _state = TokenDecider.Apply(_state, @event);
        _sequence = journal.Count;
        _waitingFor = "rows";
        _next = () =>
        {
            _toJournal = new(TokenDecider.Adopt(_state, _ledger.Read(_tokenId, Math.Max(1, _state.Fence))));
            return new TokenStep.Nothing();
        };
    }

    /// <summary>False once it is behind and has to be replaced by one that recovers.</summary>
    public bool IsAlive { get; private set; } = true;

    public bool IsIdle => IsAlive && _next is null && _toJournal.Count == 0;

    public TokenState State => _state;

    /// <summary>All that decides what it does next.</summary>
    public string Phase => $"{IsAlive} {_sequence} {_state} {_command} {_waitingFor} {_isDecided} {string.Join(',', _toJournal)}";

    /// <summary>Answers given, each with the command it answers.</summary>
    public Action<TokenCommand, TokenAnswer> Answered { get; init; } = (_, _) => { };

    /// <summary>Commands that it leaves to its next incarnation.</summary>
    public Action<TokenCommand> LeftToTheNext { get; init; } = _ => { };

    /// <summary>The next write to the journal happens, but its answer is lost.</summary>
    public bool LoseNextJournalAnswer { get; set; }

    public void Take(TokenCommand command)
    {
        Debug.Assert(IsIdle);
        _command = command;
        Carry(TokenDecider.Decide(_state, command));
    }

    public void LeaseOver()
    {
        Debug.Assert(IsIdle);
        _command = null;
        Carry(TokenDecider.DecideExpiry(_state));
    }

    /// <summary>Does the next thing that reaches ledger or journal.</summary>
    public void Step()
    {
        if (_toJournal.TryDequeue(out var @event))
        {
            Journal(@event);
        }
        else if (_next is { } next)
        {
            _next = null;
            Carry(next());
        }
    }

    public void RunToIdle()
    {
        while (IsAlive && !IsIdle)
            Step();
    }

    private void Journal(TokenEvent @event)
    {
        if (_journal.Count != _sequence)
        {
            Fail();
            return;
        }

        _journal.Add(@event);
        if (LoseNextJournalAnswer)
        {
            LoseNextJournalAnswer = false;
            Fail();
            return;
        }

        _sequence++;
        if (!_isDecided)
            _state = TokenDecider.Apply(_state, @event);
        if (_toJournal.Count > 0)
            return;

        _isDecided = false;
        if (_command is TokenCommand.Wake)
            Answer(_command, new TokenStep.AnswerStanding());
        _command = null;
    }

    private void AnswerDecided()
    {
        TokenStep? answer = (_command, _state) switch
        {
            (TokenCommand.Activate, _) => new TokenStep.AnswerActivated(),
            (TokenCommand.Release, TokenState.Available { Last: { } last }) => new TokenStep.AnswerEnded(last),
            (TokenCommand.Wake, _) => new TokenStep.AnswerStanding(),
            _ => null,
        };
        if (answer is not null)
            Answer(_command!, answer);
    }

    private void Fail()
    {
        IsAlive = false;
        if (_command is { } command && UsageIdOf(command) is { } usageId)
            Answered(command, new TokenAnswer.Failed(_tokenId, usageId, OutcomeUnknown: true));
    }

    private void Carry(TokenStep step)
    {
        _waitingFor = step;
        switch (step)
        {
            case TokenStep.Open(var request):
                _next = () => TokenDecider.DecideOpened(_state, (TokenCommand.Activate)_command!, _ledger.Open(request));
                break;
            case TokenStep.Close(var request):
                _next = () => TokenDecider.DecideClosed(_state, _ledger.Close(request));
                break;
            case TokenStep.Find(var usageId):
                _next = () => TokenDecider.DecideFound(_state, _command!, _ledger.Find(usageId));
                break;
            case TokenStep.Journal(var @event):
                _state = TokenDecider.Apply(_state, @event);
                _isDecided = true;
                _toJournal.Enqueue(@event);
                AnswerDecided();
                break;
            case TokenStep.Recover:
                IsAlive = false;
                if (_command is not null)
                    LeftToTheNext(_command);
                break;
            case TokenStep.ReadRows:
                _next = () =>
                {
                    _toJournal = new(TokenDecider.Adopt(_state, _ledger.Read(_tokenId, Math.Max(1, _state.Fence))));
                    return _toJournal.Count > 0 ? new TokenStep.Nothing() : new TokenStep.AnswerStanding();
                };
                break;
            case TokenStep.Wait when _command is not null:
                Answer(_command, new TokenStep.AnswerStanding());
                break;
            case TokenStep.Wait or TokenStep.Nothing:
                break;
            default:
                Answer(_command!, step);
                break;
        }
    }

    private void Answer(TokenCommand command, TokenStep step)
    {
        var current = _state is TokenState.Active(var usage) ? new UsageRow(usage, usage.ExpiresAt - _ledger.Now) : null;
        Answered(command, step switch
        {
            TokenStep.AnswerActivated => new TokenAnswer.Activated(_tokenId, current!),
            TokenStep.AnswerEnded(var ended) => new TokenAnswer.Ended(_tokenId, ended),
            TokenStep.AnswerInUse => new TokenAnswer.TokenInUse(_tokenId, UsageIdOf(command)!.Value, current!) { Ask = AskOf(command) },
            TokenStep.AnswerUserHolds(var other) =>
                new TokenAnswer.UserHolds(_tokenId, UsageIdOf(command)!.Value, other) { Ask = AskOf(command) },
            TokenStep.AnswerUsageIdTaken(var row) => new TokenAnswer.UsageIdTaken(_tokenId, UsageIdOf(command)!.Value, row),
            TokenStep.AnswerTooLate => new TokenAnswer.Failed(_tokenId, UsageIdOf(command)!.Value, OutcomeUnknown: true),
            TokenStep.AnswerNotMine => new TokenAnswer.NotMine(_tokenId, UsageIdOf(command)!.Value),
            TokenStep.AnswerStanding => new TokenAnswer.Standing(_tokenId, _state.Fence, current),
            _ => throw new UnreachableException($"{step}"),
        });
        _command = null;
    }

    private static long AskOf(TokenCommand command) => command is TokenCommand.Activate activate ? activate.Ask : 0;

    private static Guid? UsageIdOf(TokenCommand command) => command switch
    {
        TokenCommand.Activate activate => activate.UsageId,
        TokenCommand.Release release => release.UsageId,
        _ => null,
    };
}
