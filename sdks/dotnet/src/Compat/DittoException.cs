// The vendor's name of the exception.

using System;
using Headwater;

namespace DittoSDK
{
    /// <summary>Why something was not done; Code is one of Headwater.Codes.</summary>
    public class DittoException : HeadwaterException
    {
        /// <summary>An exception with a code and what people read.</summary>
        public DittoException(string code, string message, Exception cause = null) : base(code, message, cause)
        {
        }

        internal static HeadwaterException Of(string code, string message)
        {
            return new DittoException(code, message);
        }
    }
}
