// Why something was not done: the one exception, with a code of sdks/calls.json.
//
// Not here: which code a fault has (the library says that).

using System;

namespace Headwater
{
    /// <summary>Why something was not done. The code says it for programs, the message for people.</summary>
    public class HeadwaterException : Exception
    {
        /// <summary>An exception with a code and what people read.</summary>
        public HeadwaterException(string code, string message, Exception cause = null) : base(message, cause)
        {
            Code = code;
        }

        /// <summary>One of <see cref="Codes"/>; a newer library may have others.</summary>
        public string Code { get; }

        /// <summary>The code, and what people read.</summary>
        public override string ToString()
        {
            return Code + ": " + base.ToString();
        }
    }
}
