extern "C" {
#include "pacs/listen.h"
#include "image/transfer_syntax.h"
}

#include "pacs/dataset_bytes.hh"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include <dcmtk/dcmdata/dcuid.h>
#include <dcmtk/dcmnet/scp.h>
#include <dcmtk/oflog/oflog.h>

namespace
{

class Receiver : public DcmSCP
{
  public:
    explicit Receiver(const bv_receiver_options *o) : options(o)
    {
    }

  protected:
    OFCondition handleIncomingCommand(T_DIMSE_Message *message,
                                      const DcmPresentationContextInfo &context) override
    {
        if (message->CommandField == DIMSE_C_ECHO_RQ)
            return handleECHORequest(message->msg.CEchoRQ, context.presentationContextID);
        if (message->CommandField != DIMSE_C_STORE_RQ)
            return DcmSCP::handleIncomingCommand(message, context);
        T_DIMSE_C_StoreRQ &request = message->msg.CStoreRQ;
        DcmDataset *dataset = nullptr;
        OFCondition result = receiveSTORERequest(request, context.presentationContextID, dataset);
        std::unique_ptr<DcmDataset> owned(dataset);
        if (result.bad())
            return result;
        Uint16 status = checkSTORERequest(request, dataset);
        if (status == STATUS_Success)
            status = hand_over(dataset);
        return sendSTOREResponse(context.presentationContextID, request, status);
    }

    OFBool checkCalledAETitleAccepted(const OFString &called) override
    {
        return called == options->title;
    }

    OFBool checkCallingAETitleAccepted(const OFString &calling) override
    {
        return !options->caller || calling == options->caller;
    }

    // The argument is empty in DCMTK 3.6.7; the association knows the address.
    OFBool checkCallingHostAccepted(const OFString &) override
    {
        OFString host = getPeerIP();
        return options->any_host || host == "127.0.0.1" || host == "::1" || host == "localhost";
    }

    void notifyAssociationTermination() override
    {
        if (options->idle)
            options->idle(options->arg);
    }

    void notifyConnectionTimeout() override
    {
        if (options->idle)
            options->idle(options->arg);
    }

    OFBool stopAfterCurrentAssociation() override
    {
        return __atomic_load_n(options->stop, __ATOMIC_RELAXED) != 0;
    }

    OFBool stopAfterConnectionTimeout() override
    {
        return __atomic_load_n(options->stop, __ATOMIC_RELAXED) != 0;
    }

  private:
    const bv_receiver_options *options;

    Uint16 hand_over(DcmDataset *dataset)
    {
        uint8_t *bytes = nullptr;
        size_t size = 0;
        bv_error err = {};
        // DCMTK's receiver turns this off for the whole process; without it no padded UID can be
        // read afterwards.
        dcmEnableAutomaticInputDataCorrection.set(OFTrue);
        DcmFileFormat file(dataset);
        bv_status status =
            bv_dataset_to_bytes(&file, dataset->getOriginalXfer(), &bytes, &size, &err);
        if (status == BV_OK)
            status = options->received(options->arg, bytes, size, &err);
        std::free(bytes);
        if (status == BV_OK)
            return STATUS_Success;
        return status == BV_ERR_NOMEM || status == BV_ERR_IO ? STATUS_STORE_Refused_OutOfResources
                                                             : STATUS_STORE_Error_CannotUnderstand;
    }
};

// Every transfer syntax that is decoded, but the deflated one: DCMTK would inflate whatever is sent
// before its size is known.
void accept_everything(DcmSCP *scp)
{
    OFList<OFString> list, plain;
    size_t n = 0;
    const bv_transfer_syntax *syntaxes = bv_transfer_syntaxes(&n);
    for (size_t i = 0; i < n; i++)
        if (syntaxes[i].codec != BV_CODEC_NONE &&
            std::strcmp(syntaxes[i].uid, BV_DEFLATED_LITTLE_ENDIAN) != 0)
            list.push_back(syntaxes[i].uid);
    plain.push_back(UID_LittleEndianExplicitTransferSyntax);
    plain.push_back(UID_LittleEndianImplicitTransferSyntax);
    (void)scp->addPresentationContext(UID_VerificationSOPClass, plain);
    for (int i = 0; i < numberOfDcmAllStorageSOPClassUIDs; i++)
        (void)scp->addPresentationContext(dcmAllStorageSOPClassUIDs[i], list);
}

} // namespace

bv_status bv_listen(const bv_receiver_options *options, bv_error *err)
{
    try {
        OFLog::configure(OFLogger::OFF_LOG_LEVEL); // its messages may name patients
        Receiver receiver(options);
        receiver.setAETitle(options->title);
        receiver.setPort(static_cast<Uint16>(options->port));
        receiver.setHostLookupEnabled(OFFalse);
        receiver.setMaxReceivePDULength(131072);
        receiver.setConnectionBlockingMode(DUL_NOBLOCK);
        receiver.setConnectionTimeout(1);
        receiver.setDIMSEBlockingMode(DIMSE_NONBLOCKING);
        receiver.setDIMSETimeout(60);
        receiver.setACSETimeout(30);
        receiver.setRespondWithCalledAETitle(OFFalse);
        accept_everything(&receiver);
        OFCondition result = receiver.openListenPort();
        if (result.good() && options->ready)
            options->ready(options->arg);
        if (result.good())
            result = receiver.acceptAssociations();
        if (result.bad() && result != NET_EC_StopAfterAssociation &&
            result != NET_EC_StopAfterConnectionTimeout)
            return bv_fail(err, BV_ERR_IO, "port %d: %s", options->port, result.text());
        return BV_OK;
    } catch (const std::bad_alloc &) {
        return bv_fail_nomem(err, "a receiver");
    } catch (...) {
        return bv_fail(err, BV_ERR_INTERNAL, "DCMTK failed for an unknown reason");
    }
}
