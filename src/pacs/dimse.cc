// DIMSE (PS3.7) as a client, through DCMTK: C-FIND finds, C-GET fetches into memory, C-STORE
// stores.
//
// C-GET needs no port that the archive can reach; archives without it move (C-MOVE) to one of ours.
// DCMTK's mode that writes received files under names that the archive chooses is never used.
extern "C" {
#include "pacs/protocol.h"
}

#include "pacs/dataset_bytes.hh"
#include "pacs/landing.hh"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <dcmtk/dcmnet/dstorscu.h>
#include <dcmtk/dcmnet/scu.h>
#include <dcmtk/oflog/oflog.h>

namespace
{

// What may be fetched: radiographs, captures, reports and text.
const char *const storage_classes[] = {
    UID_ComputedRadiographyImageStorage,
    UID_DigitalXRayImageStorageForPresentation,
    UID_DigitalXRayImageStorageForProcessing,
    UID_SecondaryCaptureImageStorage,
    UID_MultiframeGrayscaleWordSecondaryCaptureImageStorage,
    UID_BasicTextSRStorage,
    UID_EnhancedSRStorage,
    UID_ComprehensiveSRStorage,
    UID_Comprehensive3DSRStorage,
    UID_EncapsulatedCDAStorage,
};

// Besides the uncompressed ones, each in a context of its own so that the archive need not choose.
const char *const compressed[] = {
    UID_JPEGProcess14SV1TransferSyntax, UID_JPEGProcess1TransferSyntax,
    UID_JPEGLSLosslessTransferSyntax,   UID_JPEG2000LosslessOnlyTransferSyntax,
    UID_JPEG2000TransferSyntax,         UID_RLELosslessTransferSyntax,
};

// A client that keeps the one object it receives.
class Client : public DcmSCU
{
  public:
    std::unique_ptr<DcmDataset> received;
    size_t n_received = 0;

  protected:
    OFCondition handleSTORERequest(const T_ASC_PresentationContextID, DcmDataset *object,
                                   OFBool &go_on, Uint16 &status) override
    {
        std::unique_ptr<DcmDataset> owned(object);
        if (n_received++ == 0)
            received = std::move(owned);
        go_on = OFTrue;
        status = STATUS_Success;
        return EC_Normal;
    }
};

struct dimse {
    const bv_archive_options *options;
    std::string title, host;
    Uint16 port = 0;
    size_t n_retries = 0;
    std::unique_ptr<Client> client;      // connected for finding and getting; null when not
    std::unique_ptr<bv_landing> landing; // for moving; null otherwise
};

void wait_ms(long ms)
{
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&pause, nullptr);
}

OFList<OFString> uncompressed()
{
    OFList<OFString> list;
    list.push_back(UID_LittleEndianExplicitTransferSyntax);
    list.push_back(UID_LittleEndianImplicitTransferSyntax);
    return list;
}

void set_peer(const dimse *d, DcmSCU *scu)
{
    scu->setAETitle(d->options->own_title);
    scu->setPeerAETitle(d->title.c_str());
    scu->setPeerHostName(d->host.c_str());
    scu->setPeerPort(d->port);
    scu->setVerbosePCMode(OFFalse);
    scu->setConnectionTimeout(d->options->timeout_s);
    scu->setACSETimeout(static_cast<Uint32>(d->options->timeout_s));
    scu->setDIMSEBlockingMode(DIMSE_NONBLOCKING);
    scu->setDIMSETimeout(static_cast<Uint32>(d->options->timeout_s));
}

OFCondition connect(dimse *d)
{
    if (d->client)
        return EC_Normal;
    std::unique_ptr<Client> client(new Client);
    set_peer(d, client.get());
    client->setStorageMode(DCMSCU_STORAGE_DISK); // the one that calls us; we write nothing
    (void)client->addPresentationContext(UID_FINDStudyRootQueryRetrieveInformationModel,
                                         uncompressed());
    (void)client->addPresentationContext(UID_GETStudyRootQueryRetrieveInformationModel,
                                         uncompressed());
    (void)client->addPresentationContext(UID_MOVEStudyRootQueryRetrieveInformationModel,
                                         uncompressed());
    for (const char *uid : storage_classes) {
        (void)client->addPresentationContext(uid, uncompressed(), ASC_SC_ROLE_SCP);
        for (const char *syntax : compressed) {
            OFList<OFString> one;
            one.push_back(syntax);
            (void)client->addPresentationContext(uid, one, ASC_SC_ROLE_SCP);
        }
    }
    OFCondition result = client->initNetwork();
    if (result.good())
        result = client->negotiateAssociation();
    if (result.good())
        d->client = std::move(client);
    return result;
}

void disconnect(dimse *d, bool broken)
{
    if (!d->client)
        return;
    (void)(broken ? d->client->abortAssociation() : d->client->releaseAssociation());
    d->client.reset();
}

// A refusal will not pass; everything else of the network may.
bool may_pass(const OFCondition &result)
{
    return result != NET_EC_NoAcceptablePresentationContexts && result != DUL_ASSOCIATIONREJECTED &&
           result != EC_IllegalParameter;
}

bv_status lost(const dimse *d, const OFCondition &result, int tries, bv_error *err)
{
    if (result == DUL_ASSOCIATIONREJECTED)
        return bv_fail(err, BV_ERR_REFUSED,
                       "%s:%u: the archive does not know us as %s, or its own "
                       "title is not %s",
                       d->host.c_str(), d->port, d->options->own_title, d->title.c_str());
    return bv_fail(err, BV_ERR_IO, "%s:%u: %s%s", d->host.c_str(), d->port, result.text(),
                   tries > 1 ? ", several times" : "");
}

// Runs an exchange over the open association, opening it first, and again after trouble.
template <typename Body> bv_status repeated(dimse *d, bv_error *err, Body body)
{
    try {
        long pause = d->options->pause_ms;
        for (int tries = 1;; tries++, pause *= 2) {
            OFCondition result = connect(d);
            if (result.good())
                result = body(d->client.get());
            if (result.good())
                return BV_OK;
            disconnect(d, true);
            if (tries >= d->options->tries || !may_pass(result))
                return lost(d, result, tries, err);
            d->n_retries++;
            wait_ms(pause);
        }
    } catch (const std::bad_alloc &) {
        return bv_fail_nomem(err, "an exchange with an archive");
    } catch (...) {
        return bv_fail(err, BV_ERR_INTERNAL, "DCMTK failed for an unknown reason");
    }
}

using answers = std::vector<std::unique_ptr<QRResponse>>;

OFCondition find(Client *client, DcmDataset *keys, answers *out)
{
    OFList<QRResponse *> responses;
    T_ASC_PresentationContextID id =
        client->findPresentationContextID(UID_FINDStudyRootQueryRetrieveInformationModel, "");
    if (id == 0)
        return NET_EC_NoAcceptablePresentationContexts;
    OFCondition result = client->sendFINDRequest(id, keys, &responses);
    out->clear();
    Uint16 last = 0;
    for (auto it = responses.begin(); it != responses.end(); ++it) {
        last = (*it)->m_status;
        out->emplace_back(*it);
    }
    if (result.good() && last != STATUS_Success)
        return makeOFCondition(OFM_dcmnet, 1, OF_error, "the archive refused the query");
    return result;
}

std::string value_of(const QRResponse &response, const DcmTagKey &tag)
{
    OFString value;
    if (response.m_dataset)
        (void)response.m_dataset->findAndGetOFString(tag, value);
    return value.c_str();
}

void dimse_close(void *self)
{
    auto *d = static_cast<dimse *>(self);
    disconnect(d, false);
    delete d;
}

bv_status dimse_studies(void *self, const bv_archive_window *window,
                        bv_status (*visit)(void *, const char *, bv_error *), void *arg,
                        bv_error *err)
{
    auto *d = static_cast<dimse *>(self);
    answers found;
    BV_TRY(repeated(d, err, [&](Client *client) {
        DcmDataset keys;
        std::string range;
        if (window->from || window->to)
            range = std::string(window->from ? window->from : "") + "-" +
                    (window->to ? window->to : "");
        (void)keys.putAndInsertString(DCM_QueryRetrieveLevel, "STUDY");
        (void)keys.putAndInsertString(DCM_StudyInstanceUID, window->study ? window->study : "");
        (void)keys.putAndInsertString(DCM_StudyDate, range.c_str());
        (void)keys.putAndInsertString(DCM_ModalitiesInStudy,
                                      window->modality ? window->modality : "");
        return find(client, &keys, &found);
    }));
    for (const auto &response : found) {
        std::string uid = value_of(*response, DCM_StudyInstanceUID);
        if (bv_uid_valid(uid.c_str()))
            BV_TRY(visit(arg, uid.c_str(), err));
    }
    return BV_OK;
}

bv_status dimse_instances(void *self, const char *study,
                          bv_status (*visit)(void *, const bv_archive_instance *, bv_error *),
                          void *arg, bv_error *err)
{
    auto *d = static_cast<dimse *>(self);
    answers series;
    BV_TRY(repeated(d, err, [&](Client *client) {
        DcmDataset keys;
        (void)keys.putAndInsertString(DCM_QueryRetrieveLevel, "SERIES");
        (void)keys.putAndInsertString(DCM_StudyInstanceUID, study);
        (void)keys.putAndInsertString(DCM_SeriesInstanceUID, "");
        return find(client, &keys, &series);
    }));
    for (const auto &one : series) {
        std::string series_uid = value_of(*one, DCM_SeriesInstanceUID);
        answers images;
        if (!bv_uid_valid(series_uid.c_str()))
            continue;
        BV_TRY(repeated(d, err, [&](Client *client) {
            DcmDataset keys;
            (void)keys.putAndInsertString(DCM_QueryRetrieveLevel, "IMAGE");
            (void)keys.putAndInsertString(DCM_StudyInstanceUID, study);
            (void)keys.putAndInsertString(DCM_SeriesInstanceUID, series_uid.c_str());
            (void)keys.putAndInsertString(DCM_SOPInstanceUID, "");
            (void)keys.putAndInsertString(DCM_SOPClassUID, "");
            return find(client, &keys, &images);
        }));
        for (const auto &image : images) {
            std::string sop = value_of(*image, DCM_SOPInstanceUID);
            std::string sop_class = value_of(*image, DCM_SOPClassUID);
            bv_archive_instance instance = {};
            if (!bv_uid_valid(sop.c_str()))
                continue;
            (void)std::snprintf(instance.study, sizeof instance.study, "%s", study);
            (void)std::snprintf(instance.series, sizeof instance.series, "%s", series_uid.c_str());
            (void)std::snprintf(instance.sop, sizeof instance.sop, "%s", sop.c_str());
            if (bv_uid_valid(sop_class.c_str()))
                (void)std::snprintf(instance.sop_class, sizeof instance.sop_class, "%s",
                                    sop_class.c_str());
            BV_TRY(visit(arg, &instance, err));
        }
    }
    return BV_OK;
}

void put_keys(DcmDataset *keys, const bv_archive_instance *one)
{
    (void)keys->putAndInsertString(DCM_QueryRetrieveLevel, "IMAGE");
    (void)keys->putAndInsertString(DCM_StudyInstanceUID, one->study);
    (void)keys->putAndInsertString(DCM_SeriesInstanceUID, one->series);
    (void)keys->putAndInsertString(DCM_SOPInstanceUID, one->sop);
}

// The status of the last response; frees them all.
Uint16 last_status(OFList<RetrieveResponse *> *responses)
{
    Uint16 status = STATUS_Success;
    for (auto it = responses->begin(); it != responses->end(); ++it) {
        status = (*it)->m_status;
        delete *it;
    }
    return status;
}

// *status is the archive's answer. What it sent lies in the client, or in the landing when moved.
OFCondition retrieve(dimse *d, Client *client, const bv_archive_instance *one, Uint16 *status)
{
    DcmDataset keys;
    OFList<RetrieveResponse *> responses;
    T_ASC_PresentationContextID id = client->findPresentationContextID(
        d->landing ? UID_MOVEStudyRootQueryRetrieveInformationModel
                   : UID_GETStudyRootQueryRetrieveInformationModel,
        "");
    if (id == 0)
        return NET_EC_NoAcceptablePresentationContexts;
    put_keys(&keys, one);
    client->n_received = 0;
    client->received.reset();
    if (d->landing)
        d->landing->clear();
    OFCondition result = d->landing
                             ? client->sendMOVERequest(id, d->options->own_title, &keys, &responses)
                             : client->sendCGETRequest(id, &keys, &responses);
    *status = last_status(&responses);
    return result;
}

// What came must be what was asked for.
bv_status check_object(DcmDataset *object, const bv_archive_instance *one, bv_error *err)
{
    OFString sop;
    (void)object->findAndGetOFString(DCM_SOPInstanceUID, sop);
    return sop == one->sop ? BV_OK
                           : bv_fail(err, BV_ERR_FORMAT, "the archive handed out another object");
}

const char nothing_came[] = "the archive does not hand out an object of this class or compression";

bv_status fetch_by_get(dimse *d, const bv_archive_instance *one, uint8_t **bytes, size_t *size,
                       bv_error *err)
{
    std::unique_ptr<DcmDataset> object;
    Uint16 status = STATUS_Success;
    BV_TRY(repeated(d, err, [&](Client *client) {
        OFCondition result = retrieve(d, client, one, &status);
        object = std::move(client->received);
        return result;
    }));
    if (!object)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "%s", nothing_came);
    BV_TRY(check_object(object.get(), one, err));
    E_TransferSyntax syntax = object->getOriginalXfer();
    DcmFileFormat file(object.get()); // copies
    return bv_dataset_to_bytes(&file, syntax, bytes, size, err);
}

bv_status fetch_by_move(dimse *d, const bv_archive_instance *one, uint8_t **bytes, size_t *size,
                        bv_error *err)
{
    Uint16 status = STATUS_Success;
    std::vector<uint8_t> object;
    BV_TRY(repeated(d, err, [&](Client *client) {
        OFCondition result = retrieve(d, client, one, &status);
        object = d->landing->take();
        return result;
    }));
    if (object.empty() && status != STATUS_Success)
        return bv_fail(err, BV_ERR_REFUSED,
                       "the archive could not move an object to %s: it does not know that title, "
                       "or cannot reach its port %d (status %04x)",
                       d->options->own_title, d->options->move_port, status);
    if (object.empty())
        return bv_fail(err, BV_ERR_UNSUPPORTED, "%s", nothing_came);
    DcmFileFormat file;
    if (bv_dataset_from_bytes(object.data(), object.size(), &file).bad())
        return bv_fail(err, BV_ERR_FORMAT, "the archive handed out what is no DICOM object");
    BV_TRY(check_object(file.getDataset(), one, err));
    auto *copy = static_cast<uint8_t *>(std::malloc(object.size()));
    if (!copy)
        return bv_fail_nomem(err, "an object");
    std::memcpy(copy, object.data(), object.size());
    *bytes = copy;
    *size = object.size();
    return BV_OK;
}

bv_status dimse_fetch(void *self, const bv_archive_instance *one, bool, uint8_t **bytes,
                      size_t *size, bv_error *err)
{
    auto *d = static_cast<dimse *>(self);
    try {
        return d->landing ? fetch_by_move(d, one, bytes, size, err)
                          : fetch_by_get(d, one, bytes, size, err);
    } catch (...) {
        return bv_fail_nomem(err, "an object");
    }
}

bv_status dimse_store(void *self, const uint8_t *bytes, size_t size, bv_error *err)
{
    auto *d = static_cast<dimse *>(self);
    try {
        DcmFileFormat file;
        OFString sop_class;
        if (bv_dataset_from_bytes(bytes, size, &file).bad() ||
            file.getDataset()->findAndGetOFString(DCM_SOPClassUID, sop_class).bad())
            return bv_fail(err, BV_ERR_FORMAT, "not a DICOM object");
        DcmXfer syntax(file.getDataset()->getOriginalXfer());
        OFList<OFString> syntaxes;
        syntaxes.push_back(syntax.getXferID());
        long pause = d->options->pause_ms;
        for (int tries = 1;; tries++, pause *= 2) {
            DcmSCU scu; // one association per object: its class and compression are its context
            Uint16 status = 0xffff;
            set_peer(d, &scu);
            (void)scu.addPresentationContext(sop_class, syntaxes);
            OFCondition result = scu.initNetwork();
            if (result.good())
                result = scu.negotiateAssociation();
            if (result.good())
                result = scu.sendSTORERequest(0, "", file.getDataset(), status);
            (void)(result.good() ? scu.releaseAssociation() : scu.abortAssociation());
            if (result.good())
                return status == STATUS_Success || (status & 0xf000) == 0xb000
                           ? BV_OK
                           : bv_fail(err, BV_ERR_REFUSED,
                                     "the archive did not store the object (status %04x)", status);
            if (tries >= d->options->tries || !may_pass(result))
                return lost(d, result, tries, err);
            d->n_retries++;
            wait_ms(pause);
        }
    } catch (...) {
        return bv_fail_nomem(err, "an object");
    }
}

size_t dimse_retries(const void *self)
{
    return static_cast<const dimse *>(self)->n_retries;
}

const bv_protocol protocol_table = {dimse_close, dimse_studies, dimse_instances, nullptr,
                                    dimse_fetch, dimse_store,   dimse_retries};

} // namespace

bv_status bv_dimse_open(const bv_protocol **protocol, void **self, const char *url,
                        const bv_archive_options *options, bv_error *err)
{
    char title[17], host[256];
    unsigned port;
    int end = 0;
    if (std::sscanf(url, "dicom://%16[^@/:]@%255[^:/@]:%5u%n", title, host, &port, &end) != 3 ||
        url[end] || port == 0 || port > 65535 || std::strlen(options->own_title) > 16 ||
        options->move_port < 0 || options->move_port > 65535)
        return bv_fail(err, BV_ERR_ARG,
                       "an archive's address is dicom://TITLE@host:port, titles of 16 characters");
    try {
        OFLog::configure(OFLogger::OFF_LOG_LEVEL); // its messages may name patients
        std::unique_ptr<dimse> d(new dimse);
        d->options = options;
        d->title = title;
        d->host = host;
        d->port = static_cast<Uint16>(port);
        if (options->move_port) {
            bool local = d->host == "127.0.0.1" || d->host == "localhost" || d->host == "::1";
            d->landing.reset(new bv_landing(options->own_title, title, options->move_port, !local));
            BV_TRY(d->landing->wait_open(err));
        }
        *protocol = &protocol_table;
        *self = d.release();
        return BV_OK;
    } catch (...) {
        return bv_fail_nomem(err, "an archive");
    }
}
