// A request: what is asked for, and the fields of it.

namespace Headwater
{
    using System.Collections;
    using System.Collections.Generic;

    /// <summary>A request in the order in which it was made. A field that is null is as if it were left out.</summary>
    internal sealed class Message : IEnumerable<KeyValuePair<string, object>>
    {
        private readonly List<KeyValuePair<string, object>> fields = new List<KeyValuePair<string, object>>(6);

        internal int Count => fields.Count;

        /// <summary>A request that is made by headwater_call.</summary>
        internal static Message Call(string call)
        {
            return new Message { { "call", call } };
        }

        /// <summary>One that is made by headwater_subscribe.</summary>
        internal static Message Watch(string watch)
        {
            return new Message { { "watch", watch } };
        }

        public void Add(string name, object value)
        {
            fields.Add(new KeyValuePair<string, object>(name, value));
        }

        /// <summary>The same, as an expression.</summary>
        internal Message With(string name, object value)
        {
            Add(name, value);
            return this;
        }

        /// <summary>With all fields of another.</summary>
        internal Message With(Message other)
        {
            fields.AddRange(other.fields);
            return this;
        }

        internal KeyValuePair<string, object> this[int index] => fields[index];

        public IEnumerator<KeyValuePair<string, object>> GetEnumerator()
        {
            return fields.GetEnumerator();
        }

        IEnumerator IEnumerable.GetEnumerator()
        {
            return GetEnumerator();
        }
    }
}
