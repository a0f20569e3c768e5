using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Serialization;

namespace TokenManager.Actors.Serialization;

/// <summary>
/// Stands where Akka.NET's reflecting fallback would be: a message without a serializer of its own is a defect and is
/// refused, instead of leaving CLR names on the wire and in the journal. By an exception that costs this message only:
/// for any other, remoting ends the connection to the node it is for.
/// </summary>
internal sealed class RefusingSerializer(ExtendedActorSystem system) : Serializer(system)
{
    public override int Identifier => 4054;

    public override bool IncludeManifest => false;

    public override byte[] ToBinary(object obj) =>
        throw new SerializationException($"{obj.GetType()} has no serializer; bind one before it is sent or stored.");

    public override object FromBinary(byte[] bytes, Type type) =>
        throw new SerializationException("Nothing was ever written by this serializer.");
}
