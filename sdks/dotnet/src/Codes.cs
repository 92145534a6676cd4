// The error codes: what HeadwaterException.Code may be, each with its number.
// Made of sdks/calls.json by `cargo xtask sdk generate`. Numbers and texts never change.

namespace Headwater
{
    /// <summary>What HeadwaterException.Code may be.</summary>
    public static class Codes
    {
        /// <summary>the peer is closed</summary>
        public const string Closed = "closed";

        /// <summary>a message is none: its bytes, a name, a type, what is missing or too much</summary>
        public const string InvalidMessage = "invalid_message";

        /// <summary>this library does not know the call, the option or the list of calls</summary>
        public const string Unsupported = "unsupported";

        /// <summary>another process has the folder open</summary>
        public const string InUse = "in_use";

        /// <summary>the folder cannot be opened or made</summary>
        public const string OpenFailed = "open_failed";

        /// <summary>what is stored is damaged, or a newer program's</summary>
        public const string Damaged = "damaged";

        /// <summary>the store cannot be read or written: a full disk or quota, say; nothing of the write is there</summary>
        public const string StoreFailed = "store_failed";

        /// <summary>a statement, a query or its arguments are none</summary>
        public const string InvalidQuery = "invalid_query";

        /// <summary>a query would take too long or too much memory</summary>
        public const string TooExpensive = "too_expensive";

        /// <summary>a value can be no document, id, path, name or change</summary>
        public const string InvalidValue = "invalid_value";

        /// <summary>an INSERT of a document that is there</summary>
        public const string Exists = "exists";

        /// <summary>what a peer does not do: write a system collection, make an index</summary>
        public const string NotAllowed = "not_allowed";

        /// <summary>a document or transaction that would not fit into a frame</summary>
        public const string TooLarge = "too_large";

        /// <summary>too much waits for the server: sync first</summary>
        public const string PendingFull = "pending_full";

        /// <summary>more observers or subscriptions than there may be</summary>
        public const string TooMany = "too_many";

        /// <summary>sync or a login was asked for, and no server is named</summary>
        public const string NoServer = "no_server";

        /// <summary>the URL of the server, its app or a certificate is none</summary>
        public const string InvalidServer = "invalid_server";

        /// <summary>the server refused the write, which is among the rejected ones, or the login</summary>
        public const string Rejected = "rejected";

        /// <summary>nothing came within the time; it may still come</summary>
        public const string TimedOut = "timed_out";

        /// <summary>a call within a transaction that would wait for itself</summary>
        public const string InTransaction = "in_transaction";

        /// <summary>there is no such transaction, or it was ended because nothing came of it</summary>
        public const string NoTransaction = "no_transaction";

        /// <summary>a fault of the library; what was durable is there</summary>
        public const string Internal = "internal";

        /// <summary>the browser's tab that had the store went away; whether a write is there is not known</summary>
        public const string Interrupted = "interrupted";

        /// <summary>the server has no such attachment, or not for this user</summary>
        public const string NotFound = "not_found";

        private static readonly string[] Names =
        {
            Closed,
            InvalidMessage,
            Unsupported,
            InUse,
            OpenFailed,
            Damaged,
            StoreFailed,
            InvalidQuery,
            TooExpensive,
            InvalidValue,
            Exists,
            NotAllowed,
            TooLarge,
            PendingFull,
            TooMany,
            NoServer,
            InvalidServer,
            Rejected,
            TimedOut,
            InTransaction,
            NoTransaction,
            Internal,
            Interrupted,
            NotFound,
        };

        /// <summary>The code with a number; of one that this SDK does not know, its digits.</summary>
        internal static string NameOf(int number)
        {
            return number > 0 && number <= Names.Length ? Names[number - 1] : number.ToString();
        }
    }
}
