"""The root of all exceptions of this package, and its groups. Each exception stands where it is raised.

    RewardsError
    ├── RejectedError               a person or a program has to change something; nothing was changed
    │   ├── ApproverExcludedError       an approval by somebody who asked for the import
    │   ├── FileRejectedError           an upload as a whole
    │   │   ├── NoWorkbookError             it is named .xlsx and is something else
    │   │   └── TotalsMismatchError         it differs from its control totals
    │   ├── FilterError                 a filter that this type of report does not have
    │   │   └── UnitFilterError             a filter by a unit that no reward has
    │   ├── ImportStateError            an import whose status does not allow this
    │   ├── InsufficientBalanceError    an amount above what is available
    │   ├── InvalidUnitError            the first reward of a unit that nobody may create
    │   ├── NotKeptError                a reversal of what is not kept any more
    │   ├── NotReversibleError          a reversal of an import that cannot be reversed
    │   ├── ReportTooLargeError         a report that one run of the function cannot create
    │   ├── RequestRejectedError        a command of the API
    │   └── TokenError                  a token that signs nobody in
    ├── RetryLaterError             the same work may succeed later
    │   ├── LeaseTakenError             another worker is doing it
    │   ├── OutOfTimeError              it does not fit into the time that is left
    │   │   └── UnfinishedChunkError        and what was decided of a chunk is stored
    │   └── StillWorkingError           a cancelled import whose workers have not stopped
    ├── ReadAgainError              what was read cannot be used: read it again
    │   ├── MovedError                  a balance and its history of two moments
    │   ├── NotInBlocksError            a CSV file that has to be read row by row
    │   ├── NotUtf8Error                a text in an encoding that has to be detected
    │   └── TornScanError               a report that was read while a reversal wrote
    ├── ServiceError                an AWS service did not do what was requested, as far as is known
    │   ├── ConditionFailedError        another worker was faster: read and decide again
    │   ├── EmailNotSentError           SES did not accept an email
    │   ├── ThrottledError              too many requests: wait, then send it again
    │   ├── TooManyWritesError          more balances than one transaction takes
    │   ├── UnknownOutcomeError         no response: it may have happened, or may still happen
    │   ├── UploadGoneError             an upload that does not exist any more
    │   ├── UploadUnreadableError       an upload to which access was denied
    │   └── WriteRejectedError          an item that DynamoDB never takes
    └── FaultError                  an engineer has to look: deployed or stored data is not as it must be
        ├── ApprovalRuleError           an ApprovalRule that cannot be read
        ├── ImpossibleTransitionError   a status that cannot follow the status before it
        ├── ResultsError                results that do not cover an import's rows
        ├── RowIdKeysError              keys of rowIds that cannot be used
        ├── SealBrokenError             a file of a sealed import that is missing or was changed
        └── SettingsError               a function without a setting that it needs

`functions/api/errors.py` maps them to responses. Anything else that is raised is a bug or a fault of a
library; a message is then delivered again.
"""


class RewardsError(Exception):
    """Whatever this package raises on purpose, except ValueError for an argument that is not valid."""


class RejectedError(RewardsError):
    """What was asked for is rejected, and nothing was changed; the message says why, for people."""


class RetryLaterError(RewardsError):
    """The work cannot be done now; the same work may succeed later."""


class ReadAgainError(RewardsError):
    """What was read cannot be used; it is to be read again, and differently where the error says so."""


class ServiceError(RewardsError):
    """An AWS service did not do what was requested, as far as is known: read before requesting it again."""


class FaultError(RewardsError):
    """What was deployed or stored is not as it must be; only an engineer can help."""
