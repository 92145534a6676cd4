// What is read from answers and events.

using System.Collections.Generic;

namespace Headwater
{
    internal static class Answers
    {
        internal static List<Dictionary<string, object>> Documents(Dictionary<string, object> message, string field)
        {
            var list = (List<object>)message[field];
            var documents = new List<Dictionary<string, object>>(list.Count);
            foreach (var document in list)
            {
                documents.Add((Dictionary<string, object>)document);
            }
            return documents;
        }

        internal static List<object> Ids(Dictionary<string, object> message)
        {
            return (List<object>)message["ids"];
        }

        /// <summary>An integer that may be missing.</summary>
        internal static long? Integer(Dictionary<string, object> message, string field)
        {
            return message.TryGetValue(field, out var value) ? (long?)value : null;
        }

        /// <summary>A text that may be missing.</summary>
        internal static string Text(Dictionary<string, object> message, string field)
        {
            return message.TryGetValue(field, out var value) ? (string)value : null;
        }
    }
}
