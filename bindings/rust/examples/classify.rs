//! classify MODEL IMAGE LABEL…: the scores of an image, one a line.
use biovl_sys::*;
use std::{env, ffi::CStr, ffi::CString, mem, process::exit, ptr};

unsafe fn check(context: *mut bv_context, status: bv_status) {
    if status != BV_OK {
        eprintln!("{}", CStr::from_ptr(bv_last_error(context)).to_string_lossy());
        exit(1);
    }
}

fn main() {
    let words: Vec<CString> = env::args().skip(1).map(|a| CString::new(a).unwrap()).collect();
    let labels: Vec<&str> = words[2..].iter().map(|w| w.to_str().unwrap()).collect();
    let labels = CString::new(labels.join("\n")).unwrap();
    unsafe {
        assert_eq!(bv_abi_version(), BV_ABI_VERSION);
        let (mut context, mut model) = (ptr::null_mut(), ptr::null_mut());
        let (mut engine, mut classifier) = (ptr::null_mut(), ptr::null_mut());
        let (mut image, mut result) = (ptr::null_mut(), ptr::null_mut());
        check(ptr::null_mut(), bv_context_open(&mut context, 0));
        check(context, bv_model_open(context, words[0].as_ptr(), &mut model));
        check(context, bv_engine_open(context, model, ptr::null(), &mut engine));
        let mut options: bv_zero_shot_options = mem::zeroed();
        options.size = mem::size_of::<bv_zero_shot_options>();
        options.labels = labels.as_ptr();
        check(context, bv_zero_shot_open(engine, &options, &mut classifier));
        check(context, bv_image_open(context, words[1].as_ptr(), ptr::null(), &mut image));
        check(context, bv_zero_shot_classify(classifier, image, &mut result));
        for i in 0..bv_result_count(result) {
            let label = CStr::from_ptr(bv_result_label(result, i)).to_string_lossy();
            println!("{label}\t{:.6}", bv_result_score(result, i));
        }
        bv_result_free(&mut result);
        bv_image_close(&mut image);
        bv_zero_shot_close(&mut classifier);
        bv_engine_close(&mut engine);
        bv_model_close(&mut model);
        bv_context_close(&mut context);
    }
}
