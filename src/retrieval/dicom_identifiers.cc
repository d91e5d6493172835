extern "C" {
#include "retrieval/record.h"
}

#include "retrieval/dicom_parse.hh"

#include <exception>
#include <new>

namespace
{

// Numbers and codes of patient, visit, request, study and order.
const DcmTagKey numbers[] = {
    DCM_PatientID,
    DcmTagKey(0x0010, 0x1000),
    DcmTagKey(0x0010, 0x1050),
    DcmTagKey(0x0010, 0x1090),
    DCM_IssuerOfPatientID,
    DCM_AccessionNumber,
    DCM_StudyID,
    DCM_AdmissionID,
    DcmTagKey(0x0038, 0x0060),
    DcmTagKey(0x0038, 0x0004),
    DCM_RequestedProcedureID,
    DCM_ScheduledProcedureStepID,
    DCM_PerformedProcedureStepID,
    DCM_PlacerOrderNumberImagingServiceRequest,
    DCM_FillerOrderNumberImagingServiceRequest,
    DcmTagKey(0x0040, 0x2006),
    DcmTagKey(0x0040, 0x2007),
    DcmTagKey(0x0040, 0x1002),
    DCM_ConfidentialityCode,
    DCM_DeviceSerialNumber,
    DcmTagKey(0x0018, 0x1008),
    DCM_DetectorID,
    DCM_StationName,
    DCM_PatientTelephoneNumbers,
    DcmTagKey(0x0008, 0x0094),
    DcmTagKey(0x0010, 0x2155),
    DcmTagKey(0x0040, 0x2010),
    DcmTagKey(0x0040, 0x1103),
    DcmTagKey(0x0040, 0x1104),
    DcmTagKey(0x0012, 0x0040),
    DcmTagKey(0x0012, 0x0042),
    DcmTagKey(0x0012, 0x0020),
    DcmTagKey(0x0040, 0xA121),
};

// Addresses, institutions and where a patient is.
const DcmTagKey places[] = {
    DCM_InstitutionName,       DCM_InstitutionAddress,    DCM_InstitutionalDepartmentName,
    DcmTagKey(0x0008, 0x0092), DCM_PatientAddress,        DcmTagKey(0x0010, 0x2150),
    DcmTagKey(0x0010, 0x2152), DcmTagKey(0x0010, 0x1080), DcmTagKey(0x0010, 0x1081),
    DcmTagKey(0x0010, 0x2299), DcmTagKey(0x0038, 0x0300), DcmTagKey(0x0038, 0x0400),
    DcmTagKey(0x0040, 0x1102), DCM_RequestingService,     DcmTagKey(0x0040, 0x2009),
    DcmTagKey(0x0040, 0x0241), DcmTagKey(0x0040, 0x0242), DcmTagKey(0x0040, 0x0243),
    DcmTagKey(0x0040, 0xA027), DcmTagKey(0x0012, 0x0021), DcmTagKey(0x0012, 0x0031),
    DcmTagKey(0x4008, 0x0119),
};

template <size_t n> bool contains(const DcmTagKey (&list)[n], const DcmTagKey &key)
{
    for (const DcmTagKey &one : list) {
        if (one == key)
            return true;
    }
    return false;
}

bv_status add_element(DcmElement *element, bv_arena *arena, bv_identifiers *identifiers,
                      bv_error *err)
{
    const DcmTagKey key = element->getTag().getXTag();
    bv_identifier_kind kind = BV_IDENTIFIER_NUMBER;
    if (element->ident() == EVR_PN)
        kind = BV_IDENTIFIER_NAME;
    else if (contains(places, key))
        kind = BV_IDENTIFIER_PLACE;
    else if (element->ident() != EVR_DA && element->ident() != EVR_DT && !contains(numbers, key))
        return BV_OK;
    for (unsigned long i = 0; i < element->getVM(); i++) {
        OFString value;
        if (element->getOFString(value, i).bad())
            continue;
        BV_TRY(bv_identifiers_add(identifiers, arena, kind, value.c_str(), err));
    }
    return BV_OK;
}

} // namespace

bv_status bv_dicom_identifiers(const uint8_t *bytes, size_t size, bool bare, const char *name,
                               bv_arena *arena, bv_identifiers *identifiers, bv_error *err)
{
    try {
        DcmFileFormat file;
        if (!bv_dicom_parse(bytes, size, bare, &file))
            return bv_fail(err, BV_ERR_FORMAT, "%s: not a readable DICOM object", name);
        DcmStack stack;
        while (file.getDataset()->nextObject(stack, OFTrue).good()) {
            DcmObject *object = stack.top();
            if (object->isLeaf() && object->ident() != EVR_item)
                BV_TRY(add_element(static_cast<DcmElement *>(object), arena, identifiers, err));
        }
        return BV_OK;
    } catch (const std::bad_alloc &) {
        return bv_fail_nomem(err, "identifiers");
    } catch (const std::exception &) {
        return bv_fail(err, BV_ERR_FORMAT, "%s: a DICOM object that cannot be read", name);
    } catch (...) {
        return bv_fail(err, BV_ERR_INTERNAL, "%s: DCMTK failed for an unknown reason", name);
    }
}
